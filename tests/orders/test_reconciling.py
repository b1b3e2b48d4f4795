"""Reconciliation as a sweep and on demand: second looks, turns, stuck orders, a dry run."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from kit.ids import new_id
from orders import gate_watch, reconciliation
from orders.archive import OrderView
from orders.drift import Drift, DriftClass
from payments.gateway import OpenIntent
from tests.orders.damage import (
    cancel,
    first_look,
    healthy,
    lose_claim,
    open_drift,
    reconcile,
    reconciled,
    told,
)
from tests.orders.shop import Shop, buyer


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is on its way in these tests, unless one of them sends it."""
    monkeypatch.setattr(gate_watch, "SECOND_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(reconciliation, "SECOND_LOOK_SECONDS", 0.0)


async def test_a_live_deal_is_mended_at_the_second_look_only(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "DEALS_A_PASS", 100_000)
    deal_id = await healthy(shop)
    await lose_claim(shop, deal_id)
    monkeypatch.setattr(gate_watch, "SECOND_LOOK_SECONDS", 3_600.0)
    for _ in range(3):
        await shop.resources.reconciliation.reconcile_live()
    assert await reconciled(shop, deal_id) == []
    monkeypatch.setattr(gate_watch, "SECOND_LOOK_SECONDS", 0.0)
    await shop.resources.reconciliation.reconcile_live()
    assert len(await reconciled(shop, deal_id)) == 1
    await shop.resources.reconciliation.reconcile_live()
    assert await open_drift(shop, deal_id) == 0
    assert len(await reconciled(shop, deal_id)) == 1
    await shop.prove(deal_id)


async def test_passes_take_turns_over_all_live_deals(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    async def look_again(_watch: object, deal_id: str, *, most: int) -> None:
        assert most == reconciliation.MOST_LIVE
        looked.append(deal_id)

    monkeypatch.setattr(gate_watch.GateWatch, "look_again", look_again)
    for _ in range(7):
        await shop.deal()
    ids = await shop.resources.pool.fetchval(
        "SELECT array_agg(id ORDER BY id) FROM deals WHERE ends_at > now() - interval '2 hours'"
    )
    passes = len(ids) // reconciliation.DEALS_A_PASS + 1
    for _ in range(2 * passes):
        before = len(looked)
        await shop.resources.reconciliation.reconcile_live()
        assert len(looked) - before <= reconciliation.DEALS_A_PASS
    assert {looked.count(deal_id) for deal_id in ids} <= {2, 3}


async def stuck_order(shop: Shop, deal_id: str) -> OrderView:
    """Unpaid for an hour, and nothing has expired it."""
    order = await shop.order(buyer(), deal_id, quantity=2)
    await shop.work()
    await shop.resources.pool.execute(
        "UPDATE orders SET payment_due_at = now() - interval '1 hour' WHERE id = $1", order.id
    )
    return order


async def test_a_stuck_order_is_settled(shop: Shop) -> None:
    deal_id = await shop.deal()
    order = await stuck_order(shop, deal_id)
    assert told(await reconcile(shop, deal_id, mend=False)) == [("STUCK_ORDER", 2, False)]
    assert (await shop.read(order.user_id, order.id)).status == "PENDING_PAYMENT"
    assert told(await reconcile(shop, deal_id)) == [("STUCK_ORDER", 2, True)]
    assert (await shop.read(order.user_id, order.id)).status == "EXPIRED"
    await shop.work()
    assert await reconcile(shop, deal_id) == []
    await shop.prove(deal_id)


async def test_a_refund_that_a_bank_takes_its_time_for_is_not_stuck(shop: Shop) -> None:
    def ago(*, hours: int) -> datetime:
        return shop.resources.clock.now() - timedelta(hours=hours)

    deal_id = await shop.deal()
    order = await stuck_order(shop, deal_id)
    since = "UPDATE orders SET status = 'REFUND_PENDING', updated_at = $2 WHERE id = $1"
    await shop.resources.pool.execute(since, order.id, ago(hours=23))
    assert await reconcile(shop, deal_id, mend=False) == []
    await shop.resources.pool.execute(since, order.id, ago(hours=25))
    assert told(await reconcile(shop, deal_id, mend=False)) == [("STUCK_ORDER", 2, False)]


async def test_the_sweep_settles_stuck_orders_too(shop: Shop) -> None:
    deal_id = await shop.deal()
    order = await stuck_order(shop, deal_id)
    assert await shop.resources.reconciliation.reconcile_orders() >= 1
    assert (await shop.read(order.user_id, order.id)).status == "EXPIRED"
    assert await open_drift(shop, deal_id) == 0
    assert [units for _, units in await reconciled(shop, deal_id)] == [2]


async def test_a_difference_is_one_row_however_many_find_it(shop: Shop) -> None:
    deal_id = await shop.deal()
    drift = Drift(DriftClass.LOST_HOLD, "RECOUNT", "lost", deal_id=deal_id, units=1)
    book = shop.resources.driftbook
    found, was_open = (await book.counts())["LOST_HOLD"]
    await asyncio.gather(*(book.record([drift, drift]) for _ in range(5)))
    assert await open_drift(shop, deal_id) == 1
    assert await reconciled(shop, deal_id) == [("LOST_HOLD: lost", 1)]
    assert (await book.counts())["LOST_HOLD"] == (found + 1, was_open + 1)
    await book.close_gone(deal_id, [drift.key])
    assert await open_drift(shop, deal_id) == 1
    await book.close_gone(deal_id, [])
    assert await open_drift(shop, deal_id) == 0
    assert (await book.counts())["LOST_HOLD"] == (found + 1, was_open)
    await book.record([drift])
    assert await open_drift(shop, deal_id) == 1
    await book.close_gone(deal_id, [])


async def test_a_deleted_deal_has_no_open_drift(shop: Shop) -> None:
    kept, deleted = await shop.deal(), await shop.deal()
    for deal_id in (kept, deleted):
        drift = Drift(DriftClass.COUNTER_DRIFT, "RECOUNT", "odd", deal_id=deal_id)
        await shop.resources.driftbook.record([drift])
    await shop.resources.pool.execute("DELETE FROM deals WHERE id = $1", deleted)
    await shop.resources.driftbook.close_settled()
    assert await open_drift(shop, deleted) == 0
    assert await open_drift(shop, kept) == 1
    await shop.resources.driftbook.close_gone(kept, [])


async def everything(shop: Shop) -> dict[str, Any]:
    """All rows of all tables and all keys of Redis."""
    tables = await shop.resources.pool.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    found: dict[str, Any] = {}
    for table in tables:
        statement = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"
        found[table[0]] = await shop.resources.pool.fetchval(statement.format(table[0]))
    redis = shop.resources.redis
    for key in sorted([key async for key in redis.scan_iter()]):
        found[key] = await redis.dump(key)
    return found


async def test_a_dry_run_writes_nothing_anywhere(shop: Shop) -> None:
    deal_id = await healthy(shop)
    await lose_claim(shop, deal_id)
    await stuck_order(shop, deal_id)
    await shop.resources.gateway.open_intent(
        OpenIntent(new_id("ord"), buyer(), "FS-1", 1_000, "USD")
    )
    before = await everything(shop)
    report = await shop.resources.reconciliation.reconcile(
        since=shop.resources.clock.now() - timedelta(minutes=5), mend=False
    )
    kinds = {one.drift.kind.value for one in report.findings}
    assert {"LOST_HOLD", "STUCK_ORDER", "ORPHAN_INTENT"} <= kinds
    assert await everything(shop) == before


async def test_a_busy_deal_shows_no_drift_at_any_single_look(shop: Shop) -> None:
    """Buyers hold, order, pay and cancel, jobs are done, and somebody looks all the time."""
    deal_id = await shop.deal(allotment=60, limit=5)
    resources, buying = shop.resources, True
    looks: list[Sequence[Drift]] = []

    async def buy(number: int) -> None:
        await resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
        order = await shop.order(buyer(), deal_id, quantity=1 + number % 2)
        if number % 3 == 0:
            await cancel(shop, order)
        else:
            await shop.pay(order)
            await resources.settlement.settle(order.user_id, order.id)

    async def work() -> None:
        while buying:
            await shop.work()
            await asyncio.sleep(0.01)

    async def look() -> None:
        while buying:
            looks.append(await first_look(shop, deal_id))

    others = [asyncio.create_task(work()), asyncio.create_task(look())]
    await asyncio.gather(*(buy(number) for number in range(20)))
    buying = False
    await asyncio.gather(*others)
    await shop.work()
    assert len(looks) > 3
    assert [found for found in looks if found] == []
    await shop.prove(deal_id)
