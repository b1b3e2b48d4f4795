"""Each class of drift at a gate is found, mended, written down once; what is well is left."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from inventory.keys import DealKeys
from kit.clock import to_ms
from orders import gate_watch, jobs, reconciliation
from orders.deal_books import read_books
from tests.orders.damage import (
    cancel,
    change_the_limit,
    claim_without_order,
    first_look,
    forget_a_deadline,
    healthy,
    keep_freed_claim,
    lose_a_sale,
    lose_claim,
    lose_the_gate,
    miscount_a_buyer,
    miscount_held,
    offer_too_little,
    offer_too_much,
    open_drift,
    reconcile,
    reconciled,
    run_ahead,
    told,
)
from tests.orders.shop import ACTOR, Shop, buyer


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is on its way in these tests, unless one of them sends it."""
    monkeypatch.setattr(gate_watch, "SECOND_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(reconciliation, "SECOND_LOOK_SECONDS", 0.0)


async def test_a_healthy_deal_has_no_drift(shop: Shop) -> None:
    deal_id = await healthy(shop)
    assert await reconcile(shop, deal_id) == []
    await shop.resources.gatekeeper.recount(deal_id, above=(await shop.stock(deal_id)).epoch)
    assert await reconcile(shop, deal_id) == []
    assert await reconciled(shop, deal_id) == []


Damage = Callable[[Shop, str], Awaitable[None]]


@pytest.mark.parametrize(
    ("damage", "kind", "units"),
    [
        (lose_claim, "LOST_HOLD", 2),
        (keep_freed_claim, "PHANTOM_STOCK", 2),
        (offer_too_much, "PHANTOM_STOCK", 2),
        (offer_too_little, "COUNTER_DRIFT", 2),
        (lose_a_sale, "COUNTER_DRIFT", 2),
        (miscount_held, "COUNTER_DRIFT", 2),
        (miscount_a_buyer, "COUNTER_DRIFT", 2),
        (change_the_limit, "COUNTER_DRIFT", 0),
        (forget_a_deadline, "COUNTER_DRIFT", 1),
        (run_ahead, "COUNTER_DRIFT", 0),
        (lose_the_gate, "COUNTER_DRIFT", 0),
    ],
)
async def test_a_damaged_gate_is_found_and_counted_anew(
    shop: Shop, damage: Damage, kind: str, units: int
) -> None:
    deal_id = await healthy(shop)
    await damage(shop, deal_id)
    assert told(await reconcile(shop, deal_id, mend=False)) == [(kind, units, False)]
    assert await open_drift(shop, deal_id) == 0
    assert told(await reconcile(shop, deal_id)) == [(kind, units, True)]
    assert await open_drift(shop, deal_id) == 0
    ((note, size),) = await reconciled(shop, deal_id)
    assert note.startswith(f"{kind}: ")
    assert size == units
    assert await reconcile(shop, deal_id) == []
    await shop.prove(deal_id)


async def test_two_damages_are_one_ledger_entry_for_each_class(shop: Shop) -> None:
    deal_id = await healthy(shop)
    await lose_claim(shop, deal_id)
    await lose_claim(shop, deal_id)
    await change_the_limit(shop, deal_id)
    assert sorted(told(await reconcile(shop, deal_id))) == [
        ("COUNTER_DRIFT", 0, True),
        ("LOST_HOLD", 2, True),
        ("LOST_HOLD", 2, True),
    ]
    entries = [(note.partition(":")[0], units) for note, units in await reconciled(shop, deal_id)]
    assert sorted(entries) == [("COUNTER_DRIFT", 0), ("LOST_HOLD", 4)]
    await shop.prove(deal_id)


async def test_a_crowded_deal_is_compared_by_its_sums(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "MOST_ON_DEMAND", 2)
    deal_id = await healthy(shop)
    assert await reconcile(shop, deal_id) == []
    await lose_claim(shop, deal_id)
    await shop.order(buyer(), deal_id)
    await shop.work()
    available, held, _ = await shop.counters(deal_id)
    await shop.resources.redis.hincrby(DealKeys(deal_id).stock, "held", -held)
    await shop.resources.redis.hincrby(DealKeys(deal_id).stock, "available", held)
    assert told(await reconcile(shop, deal_id, mend=False)) == [("LOST_HOLD", 4, False)]
    assert told(await reconcile(shop, deal_id)) == [("LOST_HOLD", 4, True)]
    assert await shop.counters(deal_id) == (available - 2, held + 2, 2)


async def test_what_a_message_will_still_tell_is_no_drift(shop: Shop) -> None:
    """Postgres has sold, freed and raised; its messages are on their way."""
    deal_id = await healthy(shop)
    sold, freed = await shop.order(buyer(), deal_id), await shop.order(buyer(), deal_id)
    await shop.work()
    await shop.pay(sold)
    await shop.resources.settlement.settle(sold.user_id, sold.id)
    await cancel(shop, freed)
    await shop.resources.restocking.adjust_stock(deal_id, 2, reason="found", actor=ACTOR)
    await offer_too_little(shop, deal_id)  # as if the gate had not been told at once
    assert await reconcile(shop, deal_id) == []
    await shop.resources.pool.execute("DELETE FROM pgqueuer")
    found = [
        (one.drift.kind.value, one.drift.order_id)
        for one in await reconcile(shop, deal_id, mend=False)
    ]
    assert sorted(found, key=str) == sorted(
        [("COUNTER_DRIFT", None), ("COUNTER_DRIFT", sold.id), ("PHANTOM_STOCK", freed.id)], key=str
    )


async def test_what_moves_between_the_two_snapshots_is_no_drift(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres was read; then an order is cancelled, units are added, and the gate is told."""
    deal_id = await healthy(shop)
    order = await shop.order(buyer(), deal_id)
    await shop.work()
    changes = 0

    async def cancel_or_add() -> None:
        if changes == 1:
            await cancel(shop, order)
        else:
            await shop.resources.restocking.adjust_stock(deal_id, 1, reason="found", actor=ACTOR)
        await shop.work()

    async def read_early(*given: Any, **named: Any) -> Any:
        nonlocal changes
        books = await read_books(*given, **named)
        changes += 1
        await cancel_or_add()
        return books

    monkeypatch.setattr("orders.gate_watch.read_books", read_early)
    for _ in range(2):
        assert await first_look(shop, deal_id) == []
    assert changes == 2


async def test_an_order_that_is_being_settled_is_no_drift(shop: Shop) -> None:
    deal_id = await healthy(shop)
    order = await shop.order(buyer(), deal_id)
    await shop.work()
    await shop.resources.redis.hdel(DealKeys(deal_id).claims, order.id)
    async with shop.resources.pool.acquire() as connection:
        await jobs.stage(connection, jobs.SETTLE, {"user_id": order.user_id, "order_id": order.id})
    kinds = [one.drift.kind.value for one in await reconcile(shop, deal_id, mend=False)]
    assert kinds == ["COUNTER_DRIFT"]  # the sums are wrong all the same; the order is left alone
    await shop.work()
    kinds = [one.drift.kind.value for one in await reconcile(shop, deal_id, mend=False)]
    assert sorted(kinds) == ["COUNTER_DRIFT", "LOST_HOLD"]


async def test_a_young_claim_is_no_drift_and_a_stale_one_is_given_up(shop: Shop) -> None:
    deal_id = await healthy(shop)
    before = await shop.counters(deal_id)
    user_id, order_id = await claim_without_order(shop, deal_id)
    assert await reconcile(shop, deal_id) == []
    long_ago_ms = to_ms(shop.resources.clock.now() - gate_watch.STRANGER_PATIENCE) - 1
    await shop.resources.redis.zadd(DealKeys(deal_id).unconfirmed, {order_id: long_ago_ms})
    assert told(await reconcile(shop, deal_id)) == [("PHANTOM_STOCK", 2, True)]
    await shop.work()
    assert await reconcile(shop, deal_id) == []
    assert await open_drift(shop, deal_id) == 0
    status = await shop.resources.pool.fetchval(
        "SELECT status FROM orders WHERE user_id = $1 AND id = $2", user_id, order_id
    )
    assert status == "ABANDONED"
    assert await shop.counters(deal_id) == before


async def test_a_confirmed_claim_that_postgres_lost_is_first_counted_as_new(shop: Shop) -> None:
    """A restored backup: its money may still be found, so nothing is given up at once."""
    deal_id = await healthy(shop)
    before = await shop.counters(deal_id)
    _, order_id = await claim_without_order(shop, deal_id)
    await shop.resources.redis.zrem(DealKeys(deal_id).unconfirmed, order_id)
    assert told(await reconcile(shop, deal_id)) == [("PHANTOM_STOCK", 2, True)]
    assert (await shop.counters(deal_id))[1] == before[1] + 2
    assert await reconcile(shop, deal_id) == []
    given_up = "SELECT count(*) FROM orders WHERE id = $1"
    assert await shop.resources.pool.fetchval(given_up, order_id) == 0
