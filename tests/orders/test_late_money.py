"""Money that comes after an order has ended: the units once more, or the money back."""

from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway

from orders import jobs
from orders.archive import OrderView
from orders.errors import TryLater
from orders.settlement import Settlement
from tests.orders.provider import Provider, forget_intents, settlement_with
from tests.orders.shop import Shop, buyer

Row = tuple[str, int, bool, str | None]


async def cancelled(shop: Shop, user_id: str, *deal_ids: str, quantity: int = 1) -> OrderView:
    """An order that its buyer gave back: its units are free, in Postgres and at the gates."""
    order = await shop.order(user_id, *deal_ids, quantity=quantity)
    await shop.resources.cancelling.cancel(user_id, order.id)
    await shop.work()
    await forget_intents(shop, order.id)
    return await shop.read(user_id, order.id)


def pays_late(shop: Shop, order: OrderView) -> Settlement:
    """The provider took money for the order all the same."""
    provider = Provider(
        order.id, statuses={"pi_1": "SUCCEEDED"}, paid_minor=order.total.amount_minor
    )
    return settlement_with(shop, provider)


async def row(shop: Shop, order: OrderView) -> Row:
    found = await shop.resources.pool.fetchrow(
        "SELECT status, rank, owns_units, paid_by FROM orders WHERE id = $1", order.id
    )
    assert found is not None
    return (found["status"], found["rank"], found["owns_units"], found["paid_by"])


async def bought(shop: Shop, user_id: str, deal_id: str) -> int:
    units = await shop.resources.pool.fetchval(
        "SELECT units FROM deal_buyers WHERE user_id = $1 AND deal_id = $2", user_id, deal_id
    )
    return units or 0


async def ledger(shop: Shop, deal_id: str) -> list[tuple[str, int]]:
    rows = await shop.resources.pool.fetch(
        "SELECT reason, units FROM stock_ledger WHERE deal_id = $1 ORDER BY seq", deal_id
    )
    return [(entry["reason"], entry["units"]) for entry in rows]


async def staged(shop: Shop, name: str, order_id: str) -> int:
    rows = await shop.resources.pool.fetch(
        "SELECT payload FROM pgqueuer WHERE entrypoint = $1", name
    )
    return sum(order_id.encode() in job["payload"] for job in rows)


async def tell_gates(shop: Shop) -> None:
    """Apply what waits for the gates; a refund is for the real provider, which knows of none."""
    await shop.resources.pool.execute("DELETE FROM pgqueuer WHERE entrypoint = $1", jobs.REFUND)
    await shop.work()


async def take_away(shop: Shop, deal_ids: Sequence[str], units: int = 2) -> str:
    """Another buyer holds these units."""
    other = buyer()
    for deal_id in deal_ids:
        await shop.resources.carts.add(other, deal_id=deal_id, quantity=units, key=None)
    return other


async def test_late_money_claims_and_sells_the_units_once_more(shop: Shop) -> None:
    deals, user_id = [await shop.deal(), await shop.deal()], buyer()
    order = await cancelled(shop, user_id, *deals, quantity=2)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")
    for deal_id in deals:
        assert await shop.rows(deal_id) == (10, 2, 2)
        assert await bought(shop, user_id, deal_id) == 2
        assert (await ledger(shop, deal_id))[-3:] == [("FREED", 2), ("CLAIMED", 2), ("SOLD", 2)]
    assert await staged(shop, "send_mail", order.number) == 1
    assert await staged(shop, jobs.REFUND, order.id) == 0
    await tell_gates(shop)
    for deal_id in deals:
        assert await shop.counters(deal_id) == (8, 0, 2)
        await shop.prove(deal_id)


async def test_late_money_claims_before_the_gate_has_heard_of_the_end(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=1), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.cancelling.cancel(user_id, order.id)
    await forget_intents(shop, order.id)
    assert await shop.counters(deal_id) == (0, 1, 0)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (0, 0, 1)
    await shop.prove(deal_id)


async def test_late_money_goes_back_when_the_units_are_gone(shop: Shop) -> None:
    here, gone, user_id = await shop.deal(), await shop.deal(allotment=2), buyer()
    order = await cancelled(shop, user_id, here, gone)
    await take_away(shop, [gone])
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("REFUND_PENDING", 5, False, None)
    assert await staged(shop, jobs.REFUND, order.id) == 1
    assert await staged(shop, jobs.GATE_MESSAGE, order.id) == 2
    assert await staged(shop, "send_mail", order.number) == 0
    await tell_gates(shop)
    assert (await shop.rows(here), await shop.rows(gone)) == ((10, 0, 0), (2, 0, 0))
    assert await shop.counters(here) == (10, 0, 0)
    assert await shop.counters(gone) == (0, 2, 0)
    for deal_id in (here, gone):
        assert await bought(shop, user_id, deal_id) == 0
        await shop.prove(deal_id)


async def test_late_money_goes_back_when_the_buyer_has_enough_by_now(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(limit=2), buyer()
    order = await cancelled(shop, user_id, deal_id, quantity=2)
    await shop.order(user_id, deal_id)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("REFUND_PENDING", 5, False, None)
    await tell_gates(shop)
    assert await shop.rows(deal_id) == (10, 1, 0)
    assert await bought(shop, user_id, deal_id) == 1
    await shop.prove(deal_id)


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE deal_buyers SET units = 2 WHERE deal_id = $1",
        "UPDATE deal_stock SET claimed = allotment WHERE deal_id = $1",
    ],
)
async def test_postgres_has_the_last_word_on_late_units(shop: Shop, wrong: str) -> None:
    deal_id, user_id = await shop.deal(limit=2), buyer()
    order = await cancelled(shop, user_id, deal_id)
    await shop.resources.pool.execute(wrong, deal_id)
    before = await shop.rows(deal_id)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("REFUND_PENDING", 5, False, None)
    assert await shop.rows(deal_id) == before
    assert await shop.counters(deal_id) == (9, 1, 0)
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (10, 0, 0)


async def test_an_order_of_nothing_gets_its_late_money_back(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    await shop.resources.pool.execute("DELETE FROM order_lines WHERE order_id = $1", order.id)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("REFUND_PENDING", 5, False, None)
    assert await staged(shop, jobs.REFUND, order.id) == 1


async def test_late_money_waits_for_a_gate_that_is_out_of_reach(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    settlement = pays_late(shop, order)

    async def away(*_: Any, **__: Any) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as patched:
        patched.setattr(shop.resources.stock, "reclaim", away)
        with pytest.raises(TryLater):
            await settlement.settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("CANCELLED", 3, False, None)
    assert await staged(shop, jobs.REFUND, order.id) == 0
    await settlement.settle(user_id, order.id)
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")


async def test_a_death_between_the_gate_and_postgres_is_healed_by_the_repeat(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    settlement = pays_late(shop, order)

    async def dies(*_: Any, **__: Any) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("orders.settlement.move", dies)
        with pytest.raises(OSError, match="killed"):
            await settlement.settle(user_id, order.id, intent_id="pi_1")
    assert await shop.counters(deal_id) == (9, 1, 0)
    assert await shop.rows(deal_id) == (10, 0, 0)
    await settlement.settle(user_id, order.id)
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (9, 0, 1)
    assert await shop.rows(deal_id) == (10, 1, 1)
    await shop.prove(deal_id)


async def test_late_money_goes_back_to_a_gate_that_was_rebuilt_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    reclaim = shop.resources.stock.reclaim
    epochs: list[int] = []

    async def then_rebuilt(*given: Any, epoch: int, **named: Any) -> Any:
        answer = await reclaim(*given, epoch=epoch, **named)
        epochs.append(epoch)
        if len(epochs) == 1:
            await shop.resources.pool.execute(
                "UPDATE deals SET epoch_raised_at = '-infinity' WHERE id = $1", deal_id
            )
            assert await shop.resources.gatekeeper.rebuild(deal_id, above=epoch)
        return answer

    monkeypatch.setattr(shop.resources.stock, "reclaim", then_rebuilt)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert [epoch - epochs[0] for epoch in epochs] == [0, 1]
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (9, 0, 1)
    await shop.prove(deal_id)


async def test_a_gate_that_is_rebuilt_over_and_over_is_left_for_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    settlement = pays_late(shop, order)

    async def moved(*_: Any, **__: Any) -> str:
        return "GATE_MOVED"

    monkeypatch.setattr("orders.settlement.move", moved)
    with pytest.raises(TryLater):
        await settlement.settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("CANCELLED", 3, False, None)
    assert await staged(shop, jobs.REFUND, order.id) == 0


async def test_late_money_of_another_amount_goes_to_a_person_and_takes_nothing(
    shop: Shop,
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    provider = Provider(order.id, statuses={"pi_1": "SUCCEEDED"}, paid_minor=1)
    await settlement_with(shop, provider).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("UNDER_REVIEW", 5, False, None)
    await tell_gates(shop)
    assert await shop.rows(deal_id) == (10, 0, 0)
    assert await shop.counters(deal_id) == (10, 0, 0)


async def test_late_money_claims_once_however_often_it_is_told(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    settlement = pays_late(shop, order)
    for _ in range(3):
        await settlement.settle(user_id, order.id, intent_id="pi_1")
    await tell_gates(shop)
    assert await shop.rows(deal_id) == (10, 1, 1)
    assert await bought(shop, user_id, deal_id) == 1
    assert await staged(shop, "send_mail", order.number) == 1
    await shop.prove(deal_id)


async def test_a_failed_refund_of_late_money_goes_to_a_person(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=1), buyer()
    order = await cancelled(shop, user_id, deal_id)
    await take_away(shop, [deal_id], 1)
    settlement = pays_late(shop, order)
    await settlement.settle(user_id, order.id, intent_id="pi_1")
    await settlement.review(user_id, order.id, reason="the card is gone")
    assert await row(shop, order) == ("UNDER_REVIEW", 5, False, None)
    assert await shop.rows(deal_id) == (1, 0, 0)
