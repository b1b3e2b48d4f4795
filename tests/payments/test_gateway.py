"""The gateway: what is repeated happens once, and every outcome has its word."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.errors import ProviderRefused, ProviderUnreachable
from payments.gateway import Gateway, Intent, OpenIntent
from payments.stripe_gateway import StripeGateway
from tests.payments.conftest import settings_for
from tests.sandbox.running import PUBLISHABLE_KEY, RunningSandbox

ORDER = OpenIntent(
    order_id="ord_1", user_id="usr_1", order_number="FS-1", amount_minor=1_999, currency="USD"
)


def order(number: int) -> OpenIntent:
    return replace(ORDER, order_id=f"ord_{number}")


def an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


async def pay(sandbox: RunningSandbox, intent: Intent, card: str = "pm_card_visa") -> None:
    assert intent.client_secret is not None
    await sandbox.confirm({"id": intent.id, "client_secret": intent.client_secret}, card)


async def made(sandbox: RunningSandbox) -> list[str]:
    return [intent["id"] for intent in (await sandbox.ledger())["intents"]]


async def test_an_opened_intent_names_its_order(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    seam: Gateway = gateway
    intent = await seam.open_intent(ORDER)
    assert (intent.status, intent.amount_minor, intent.amount_received_minor) == (
        "REQUIRES_PAYMENT",
        1_999,
        0,
    )
    assert (intent.currency, intent.order_id, intent.user_id) == ("USD", "ord_1", "usr_1")
    assert abs(datetime.now(UTC) - intent.created_at) < timedelta(seconds=30)
    assert await seam.retrieve(intent.id) == intent
    assert seam.publishable_key == PUBLISHABLE_KEY
    assert await made(sandbox) == [intent.id]


async def test_what_another_shop_opened_names_no_order_of_ours(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    theirs = StripeGateway(settings_for(sandbox.url).model_copy(update={"shop": "another"}))
    opened = await theirs.open_intent(ORDER)
    assert opened.order_id == "ord_1"
    seen = await gateway.retrieve(opened.id)
    assert (seen.order_id, seen.user_id) == (None, None)
    assert await gateway.intents_of("ord_1", an_hour_ago()) == []
    await theirs.aclose()


async def test_an_order_opened_twenty_times_at_once_has_one_intent(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    intents = await asyncio.gather(*(gateway.open_intent(ORDER) for _ in range(20)))
    assert {intent.id for intent in intents} == set(await made(sandbox))
    assert len(await made(sandbox)) == 1


async def test_another_amount_for_the_same_order_is_refused(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    await gateway.open_intent(ORDER)
    with pytest.raises(ProviderRefused) as refusal:
        await gateway.open_intent(replace(ORDER, amount_minor=1))
    assert refusal.value.code == "idempotency_error"
    assert len(await made(sandbox)) == 1


async def test_opening_again_tells_the_present_state(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    intent = await gateway.open_intent(ORDER)
    await pay(sandbox, intent)
    again = await gateway.open_intent(ORDER)
    assert (again.id, again.status) == (intent.id, "SUCCEEDED")


async def test_a_500_after_the_commit_is_outlived_by_the_same_key(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    await sandbox.faults(fail_after_commit=1.0, strikes=1)
    intent = await gateway.open_intent(ORDER)
    assert await made(sandbox) == [intent.id]


async def test_an_unknown_outcome_is_said_so_and_found_by_repeating(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    await sandbox.faults(fail_after_commit=1.0, strikes=2)
    with pytest.raises(ProviderUnreachable) as unknown:
        await gateway.open_intent(ORDER)
    assert unknown.value.retryable
    intent = await gateway.open_intent(ORDER)
    assert await made(sandbox) == [intent.id]


async def test_a_caller_who_gives_up_finds_the_same_intent_later(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    await sandbox.faults(silent_after_commit=1.0, strikes=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await gateway.open_intent(ORDER)
    (committed,) = await made(sandbox)
    assert (await gateway.open_intent(ORDER)).id == committed


async def test_a_provider_that_is_down_is_unreachable() -> None:
    gateway = StripeGateway(settings_for("http://127.0.0.1:9"))
    with pytest.raises(ProviderUnreachable):
        await gateway.retrieve("pi_1")
    await gateway.aclose()


async def test_a_wrong_key_is_refused(sandbox: RunningSandbox) -> None:
    gateway = StripeGateway(settings_for(sandbox.url, api_key="sk_test_of_somebody_else"))
    with pytest.raises(ProviderRefused, match="Invalid API Key"):
        await gateway.open_intent(ORDER)
    await gateway.aclose()
    assert await made(sandbox) == []


@pytest.mark.parametrize(
    ("card", "status"),
    [
        ("pm_card_visa", "SUCCEEDED"),
        ("pm_card_chargeDeclined", "FAILED"),
        ("pm_card_authenticationRequired", "REQUIRES_PAYMENT"),
        ("pm_usBankAccount_processing", "PROCESSING"),
    ],
)
async def test_every_card_leads_to_its_status(
    sandbox: RunningSandbox, gateway: StripeGateway, card: str, status: str
) -> None:
    intent = await gateway.open_intent(ORDER)
    await pay(sandbox, intent, card)
    now = await gateway.retrieve(intent.id)
    assert now.status == status
    assert now.amount_received_minor == (1_999 if status == "SUCCEEDED" else 0)
    assert now.failure_message == ("Your card was declined." if status == "FAILED" else None)


@pytest.mark.parametrize(
    ("card", "status"),
    [
        (None, "CANCELLED"),
        ("pm_card_chargeDeclined", "CANCELLED"),
        ("pm_card_authenticationRequired", "CANCELLED"),
        ("pm_card_visa", "SUCCEEDED"),
        ("pm_usBankAccount_processing", "PROCESSING"),
    ],
)
async def test_cancelling_tells_how_the_intent_ended_however_often(
    sandbox: RunningSandbox, gateway: StripeGateway, card: str | None, status: str
) -> None:
    intent = await gateway.open_intent(ORDER)
    if card is not None:
        await pay(sandbox, intent, card)
    for _ in range(2):
        assert (await gateway.cancel(intent.id)).status == status
    assert (await gateway.retrieve(intent.id)).status == status


async def test_a_cancellation_whose_answer_was_lost_is_found_done(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    intent = await gateway.open_intent(ORDER)
    await sandbox.faults(fail_after_commit=1.0, operations=["cancel"], strikes=2)
    with pytest.raises(ProviderUnreachable):
        await gateway.cancel(intent.id)
    assert (await gateway.cancel(intent.id)).status == "CANCELLED"


async def test_an_unknown_intent_is_missing(gateway: StripeGateway) -> None:
    for ask in (gateway.retrieve, gateway.cancel):
        with pytest.raises(ProviderRefused) as refusal:
            await ask("pi_unknown")
        assert refusal.value.code == "resource_missing"


async def test_all_intents_of_an_order_are_found_among_many(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    first = await gateway.open_intent(ORDER)
    await asyncio.gather(*(gateway.open_intent(order(n)) for n in range(100, 220)))
    await sandbox.merchant.post("/sandbox/forget_keys")
    second = await gateway.open_intent(ORDER)
    assert second.id != first.id
    found = await gateway.intents_of("ord_1", an_hour_ago())
    assert [intent.id for intent in found] == [first.id, second.id]
    assert await gateway.intents_of("ord_2", an_hour_ago()) == []
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await gateway.intents_of("ord_1", later) == []


async def test_money_is_sent_back_once_however_often_it_is_asked(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    intent = await gateway.open_intent(ORDER)
    await pay(sandbox, intent)
    refunds = await asyncio.gather(
        *(gateway.refund(intent.id, order_id="ord_1", amount_minor=1_000) for _ in range(5))
    )
    await sandbox.merchant.post("/sandbox/forget_keys")
    refunds.append(await gateway.refund(intent.id, order_id="ord_1", amount_minor=1_000))
    assert {(refund.id, refund.status) for refund in refunds} == {(refunds[0].id, "SUCCEEDED")}
    ledger = await sandbox.ledger()
    assert [refund["amount"] for refund in ledger["refunds"]] == [1_000]


async def test_a_refund_whose_answer_was_lost_is_found_by_repeating(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    intent = await gateway.open_intent(ORDER)
    await pay(sandbox, intent)
    await sandbox.faults(fail_after_commit=1.0, operations=["refund"], strikes=2)
    with pytest.raises(ProviderUnreachable):
        await gateway.refund(intent.id, order_id="ord_1", amount_minor=1_999)
    refund = await gateway.refund(intent.id, order_id="ord_1", amount_minor=1_999)
    assert [row["id"] for row in (await sandbox.ledger())["refunds"]] == [refund.id]


@pytest.mark.parametrize(("by_hand", "amounts"), [(1_999, [1_999]), (500, [500, 1_499])])
async def test_what_was_sent_back_by_hand_counts(
    sandbox: RunningSandbox, gateway: StripeGateway, by_hand: int, amounts: list[int]
) -> None:
    intent = await gateway.open_intent(ORDER)
    await pay(sandbox, intent)
    hand = {"payment_intent": intent.id, "amount": str(by_hand)}
    assert (await sandbox.merchant.post("/v1/refunds", data=hand)).status_code == 200
    for _ in range(2):
        refund = await gateway.refund(intent.id, order_id="ord_1", amount_minor=1_999)
        assert refund.status == "SUCCEEDED"
    assert [row["amount"] for row in (await sandbox.ledger())["refunds"]] == amounts


@pytest.mark.parametrize(("by_hand", "told"), [("succeeded", "SUCCEEDED"), (None, "FAILED")])
async def test_a_refund_that_failed_is_told_until_somebody_sends_it_by_hand(
    gateway: StripeGateway, monkeypatch: pytest.MonkeyPatch, by_hand: str | None, told: str
) -> None:
    ours = {"id": "re_1", "amount": 1_999, "status": "failed", "metadata": {"order_id": "ord_1"}}
    hand = {"id": "re_2", "amount": 1_999, "status": by_hand, "metadata": {}}

    async def refunds(intent_id: str) -> list[dict[str, Any]]:
        del intent_id
        return [hand, ours] if by_hand else [ours]

    monkeypatch.setattr(gateway, "_refunds", refunds)
    assert (await gateway.refund("pi_1", order_id="ord_1", amount_minor=1_999)).status == told


async def test_a_refund_is_found_under_its_order(
    sandbox: RunningSandbox, gateway: StripeGateway
) -> None:
    seam: Gateway = gateway
    intent = await seam.open_intent(ORDER)
    await pay(sandbox, intent)
    assert await seam.refund_of(intent.id, order_id="ord_1") is None
    sent = await seam.refund(intent.id, order_id="ord_1", amount_minor=1_999)
    assert await seam.refund_of(intent.id, order_id="ord_1") == sent
    assert await seam.refund_of(intent.id, order_id="ord_2") is None


async def test_all_recent_intents_are_walked_through(gateway: StripeGateway) -> None:
    seam: Gateway = gateway
    for n in range(1, 4):
        await seam.open_intent(order(n))
    walk = [page async for page in seam.intents_since(an_hour_ago(), most_pages=5)]
    assert [[each.order_id for each in page] for page in walk] == [["ord_3", "ord_2", "ord_1"]]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert [page async for page in seam.intents_since(later, most_pages=5)] == [[]]


@pytest.mark.parametrize("paid", [False, True])
async def test_more_than_was_captured_is_not_sent_back(
    sandbox: RunningSandbox, gateway: StripeGateway, *, paid: bool
) -> None:
    intent = await gateway.open_intent(ORDER)
    if paid:
        await pay(sandbox, intent)
    with pytest.raises(ProviderRefused):
        await gateway.refund(intent.id, order_id="ord_1", amount_minor=2_000)
    assert (await sandbox.ledger())["refunds"] == []
