"""Postgres was restored from a backup: money whose order is lost is taken up, or sent back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from kit.ids import new_id, sibling
from kit.money import Money
from orders import gate_watch, reconciliation, sweeps
from orders.archive import OrderView
from orders.drift import DriftClass
from orders.reconciliation import Finding
from payments.events import Event, receive
from payments.gateway import OpenIntent
from tests.orders.shop import Shop, buyer


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_watch, "SECOND_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(reconciliation, "SECOND_LOOK_SECONDS", 0.0)


async def lose(shop: Shop, order: OrderView, *, checkout: bool = False) -> None:
    """Take an order out of Postgres, as a restored backup does: its claim, its key, its ledger."""
    pool = shop.resources.pool
    for line in order.lines:
        await pool.execute("DELETE FROM stock_ledger WHERE deal_id = $1 AND seq > 1", line.deal_id)
        await pool.execute(
            "UPDATE deal_stock s SET claimed = 0, sold = 0, ledger_seq = 1, ledger_head ="
            " (SELECT hash FROM stock_ledger l WHERE l.deal_id = s.deal_id) WHERE deal_id = $1",
            line.deal_id,
        )
        await pool.execute("DELETE FROM deal_buyers WHERE deal_id = $1", line.deal_id)
    for statement in (
        "DELETE FROM order_lines WHERE order_id = $1",
        "DELETE FROM payments WHERE order_id = $1",
        "DELETE FROM idempotency_keys WHERE order_id = $1",
        "DELETE FROM orders WHERE id = $1",
    ):
        await pool.execute(statement, order.id)
    if checkout:
        await pool.execute("DELETE FROM checkouts WHERE id = $1", sibling("chk", order.id))
    await pool.execute("DELETE FROM pgqueuer")


async def send_event(shop: Shop, order: OrderView) -> None:
    event = Event(
        id=new_id("req"),
        type="payment_intent.succeeded",
        intent_id=order.payment.intent_id,
        order_id=order.id,
        user_id=order.user_id,
        payload={},
    )
    async with shop.resources.pool.acquire() as connection:
        await receive(connection, event)


async def reconcile(shop: Shop, *, mend: bool = True) -> Sequence[Finding]:
    report = await shop.resources.reconciliation.reconcile(
        since=shop.resources.clock.now() - timedelta(minutes=10), mend=mend
    )
    assert not report.provider_away
    return report.findings


async def mine(shop: Shop, order_id: str, *, mend: bool = True) -> list[tuple[str, bool]]:
    """What a comparison of everything says of one order; other tests' leftovers are not ours."""
    return [
        (found.drift.kind.value, found.mended)
        for found in await reconcile(shop, mend=mend)
        if found.drift.order_id == order_id and found.drift.intent_id
    ]


async def refunds(shop: Shop, order: OrderView) -> list[int]:
    """What was sent back for an order, by the provider's own books."""
    settings = shop.resources.settings
    async with httpx.AsyncClient(base_url=settings.stripe_api_base) as provider:
        answer = await provider.get(
            "/sandbox/ledger",
            headers={"Authorization": f"Bearer {settings.stripe_api_key.get_secret_value()}"},
        )
    return [
        refund["amount"]
        for refund in answer.json()["refunds"]
        if refund["intent_id"] == order.payment.intent_id
    ]


async def paid(shop: Shop, deal_id: str, *, quantity: int = 2) -> OrderView:
    order = await shop.order(buyer(), deal_id, quantity=quantity)
    await shop.pay(order)
    await shop.resources.settlement.settle(order.user_id, order.id)
    await shop.work()
    return await shop.read(order.user_id, order.id)


async def test_an_order_that_was_lost_is_taken_up_again(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    order = await paid(shop, deal_id)
    await lose(shop, order)
    assert await mine(shop, order.id, mend=False) == [("PAID_WITHOUT_ORDER", False)]
    assert await shop.resources.archive.order(order.user_id, order.id) is None
    assert await mine(shop, order.id) == [("PAID_WITHOUT_ORDER", True)]
    await shop.work()
    again = await shop.read(order.user_id, order.id)
    assert (again.status, again.number, again.total) == ("PAID", order.number, order.total)
    assert [(line.title, line.quantity) for line in again.lines] == [("Tea, by the tin", 2)]
    assert await refunds(shop, order) == []
    assert await shop.rows(deal_id) == (5, 2, 2)
    assert await shop.counters(deal_id) == (3, 0, 2)
    await shop.prove(deal_id)
    assert await mine(shop, order.id) == []


async def test_an_event_is_enough_to_take_it_up(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    order = await paid(shop, deal_id)
    await lose(shop, order)
    await send_event(shop, order)
    await shop.work()
    assert (await shop.read(order.user_id, order.id)).status == "PAID"
    entries = await shop.resources.pool.fetch(
        "SELECT reason, units FROM stock_ledger WHERE deal_id = $1 ORDER BY seq", deal_id
    )
    assert [tuple(entry) for entry in entries] == [
        ("OPENED", 5),
        ("RECONCILED", 2),
        ("CLAIMED", 2),
        ("SOLD", 2),
    ]
    await shop.prove(deal_id)


async def test_without_its_checkout_the_money_goes_back(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    order = await paid(shop, deal_id)
    await lose(shop, order, checkout=True)
    await send_event(shop, order)
    await shop.work()
    again = await shop.read(order.user_id, order.id)
    assert (again.status, again.lines, again.total) == ("REFUNDED", [], Money(3_000, "USD"))
    assert await refunds(shop, order) == [3_000]
    assert await shop.rows(deal_id) == (5, 0, 0)


async def test_without_units_left_the_money_goes_back(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=2)
    order = await paid(shop, deal_id)
    await lose(shop, order)
    await shop.resources.gatekeeper.recount(deal_id, above=(await shop.stock(deal_id)).epoch)
    other = await paid(shop, deal_id)
    await send_event(shop, order)
    await shop.work()
    assert (await shop.read(order.user_id, order.id)).status == "REFUNDED"
    assert await refunds(shop, order) == [3_000]
    assert (await shop.read(other.user_id, other.id)).status == "PAID"
    await shop.prove(deal_id)


async def test_money_that_had_been_sent_back_is_not_sold_for_again(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    order = await paid(shop, deal_id)
    intent_id = order.payment.intent_id
    assert intent_id is not None
    await shop.resources.gateway.refund(intent_id, order_id=order.id, amount_minor=3_000)
    await lose(shop, order)
    await send_event(shop, order)
    await shop.work()
    assert (await shop.read(order.user_id, order.id)).status == "REFUNDED"
    assert await refunds(shop, order) == [3_000]
    assert await shop.rows(deal_id) == (5, 0, 0)


async def test_an_abandoned_order_that_was_paid_is_taken_up(shop: Shop) -> None:
    """The claim was given up before the money was found."""
    deal_id = await shop.deal(allotment=5)
    order = await paid(shop, deal_id)
    await lose(shop, order)
    await shop.resources.abandonment.abandon(order.user_id, order.id, [(deal_id, 2)])
    await shop.work()
    await send_event(shop, order)
    await shop.work()
    assert (await shop.read(order.user_id, order.id)).status == "PAID"
    await shop.prove(deal_id)


async def test_an_order_that_is_there_is_left_alone(shop: Shop) -> None:
    deal_id = await shop.deal()
    order = await paid(shop, deal_id)
    await send_event(shop, order)
    await shop.work()
    assert await shop.read(order.user_id, order.id) == order
    assert await mine(shop, order.id) == []
    drifts = await shop.resources.pool.fetchval(
        "SELECT count(*) FROM drift WHERE order_id = $1", order.id
    )
    assert drifts == 0


async def test_an_open_intent_without_an_order_is_cancelled(shop: Shop) -> None:
    order_id, user_id = new_id("ord"), buyer()
    intent = await shop.resources.gateway.open_intent(
        OpenIntent(order_id, user_id, "FS-1", 1_000, "USD")
    )
    assert await mine(shop, order_id) == [("ORPHAN_INTENT", True)]
    assert (await shop.resources.gateway.retrieve(intent.id)).status == "CANCELLED"
    assert await shop.resources.archive.order(user_id, order_id) is None
    assert await mine(shop, order_id) == []


async def test_an_open_intent_of_an_order_that_has_ended_is_cancelled(shop: Shop) -> None:
    deal_id = await shop.deal()
    order = await shop.order(buyer(), deal_id)
    await shop.work()
    await shop.resources.pool.execute(
        "UPDATE orders SET status = 'EXPIRED', rank = 3, owns_units = false WHERE id = $1",
        order.id,
    )
    await shop.resources.pool.execute(
        "UPDATE payments SET created_at = now() - interval '2 days' WHERE order_id = $1", order.id
    )
    long_ago = shop.resources.clock.now() + timedelta(days=1)  # the list alone would not find it
    report = await shop.resources.reconciliation.reconcile(since=long_ago, deal_id=deal_id)
    kinds = [(one.drift.kind, one.mended) for one in report.findings if one.drift.intent_id]
    assert kinds == [(DriftClass.ORPHAN_INTENT, True)]
    intent = await shop.resources.gateway.retrieve(order.payment.intent_id or "")
    assert intent.status == "CANCELLED"


async def test_intents_of_another_system_are_none_of_ours(shop: Shop) -> None:
    intent = await shop.resources.gateway.open_intent(
        OpenIntent("booking-7", "guest", "7", 1_000, "USD")
    )
    found = await reconcile(shop)
    assert intent.id not in {one.drift.intent_id for one in found}
    assert (await shop.resources.gateway.retrieve(intent.id)).status == "REQUIRES_PAYMENT"


async def test_what_an_order_settles_by_itself_is_believed_at_the_second_pass(shop: Shop) -> None:
    """Money for an expired order whose event is on its way."""
    deal_id = await shop.deal()
    order = await shop.order(buyer(), deal_id)
    await shop.work()
    await shop.pay(order)
    await shop.resources.pool.execute(
        "UPDATE orders SET status = 'EXPIRED', rank = 3, owns_units = false WHERE id = $1",
        order.id,
    )

    async def rows() -> list[Any]:
        return await shop.resources.pool.fetch(
            "SELECT class, repaired_at IS NULL AS open FROM drift WHERE order_id = $1", order.id
        )

    await shop.resources.reconciliation.reconcile_intents()
    assert await rows() == []
    await shop.resources.reconciliation.reconcile_intents()
    assert [tuple(row) for row in await rows()] == [("PAID_WITHOUT_ORDER", False)]
    assert (await shop.read(order.user_id, order.id)).status in ("PAID", "REFUND_PENDING")


async def test_a_claim_whose_order_came_back_without_units_is_given_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id = await shop.deal(allotment=5)
    order = await shop.order(buyer(), deal_id, quantity=2)
    await shop.pay(order)
    await lose(shop, order, checkout=True)
    assert await shop.counters(deal_id) == (3, 2, 0)
    await reconcile(shop)
    await shop.work()
    assert (await shop.read(order.user_id, order.id)).status == "REFUNDED"
    monkeypatch.setattr(sweeps, "CLAIM_PATIENCE", timedelta())
    await shop.resources.sweeps.release_stale_claims()
    await shop.work()
    assert await shop.counters(deal_id) == (5, 0, 0)
    await shop.prove(deal_id)
