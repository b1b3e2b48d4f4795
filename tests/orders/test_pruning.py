"""What is over is removed, a bounded lot at a time, and nothing that is still needed."""

from datetime import timedelta

import pytest

from inventory.keys import DealKeys
from kit.ids import new_id
from orders import pruning
from orders.sweeps import AFTERLIFE
from tests.orders.shop import Shop, buyer


async def has_gate(shop: Shop, deal_id: str) -> bool:
    return bool(await shop.resources.redis.exists(*DealKeys(deal_id).all))


async def end(shop: Shop, deal_id: str, *, ago: timedelta = AFTERLIFE) -> None:
    """Let a deal have ended that long ago, at its gate too."""
    await shop.resources.pool.execute(
        "UPDATE deals SET starts_at = now() - interval '1 day', ends_at = now() - $2::interval,"
        " revision = revision + 1 WHERE id = $1",
        deal_id,
        ago + timedelta(seconds=1),
    )
    shop.resources.dealbook.drop(deal_id)
    deal = await shop.resources.dealbook.get(deal_id)
    assert deal is not None
    assert await shop.resources.gatekeeper.tell_terms(deal)


async def sold_deal(shop: Shop) -> str:
    deal_id = await shop.deal()
    order = await shop.order(buyer(), deal_id)
    await shop.pay(order)
    await shop.resources.settlement.settle(order.user_id, order.id)
    await shop.work()
    return deal_id


@pytest.fixture(autouse=True)
def _all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests have left deals and keys behind."""
    monkeypatch.setattr(pruning, "MOST_GATES", 100_000)


async def test_the_gate_of_a_deal_that_is_over_is_removed(shop: Shop) -> None:
    deal_id = await sold_deal(shop)
    await end(shop, deal_id)
    assert await shop.resources.pruning.close_gates() >= 1
    assert not await has_gate(shop, deal_id)
    closed = await shop.resources.pool.fetchval(
        "SELECT gate_closed_at IS NOT NULL FROM deals WHERE id = $1", deal_id
    )
    assert closed
    await shop.resources.gatekeeper.ensure_open(deal_id)  # as a late message does
    await shop.prove(deal_id)
    assert await has_gate(shop, deal_id)
    await shop.resources.pruning.close_gates()
    assert not await has_gate(shop, deal_id)


async def test_the_gate_of_a_deal_that_has_just_ended_stays(shop: Shop) -> None:
    deal_id = await sold_deal(shop)
    await end(shop, deal_id, ago=AFTERLIFE - timedelta(minutes=1))
    await shop.resources.pruning.close_gates()
    assert await has_gate(shop, deal_id)


async def test_a_gate_with_a_claim_stays(shop: Shop) -> None:
    deal_id = await shop.deal()
    await shop.order(buyer(), deal_id)
    await shop.work()
    await end(shop, deal_id)
    await shop.resources.pruning.close_gates()
    assert await has_gate(shop, deal_id)
    assert await shop.counters(deal_id) == (9, 1, 0)


async def test_gates_in_use_do_not_keep_the_others_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.resources.pruning.close_gates()
    for _ in range(2):
        used = await shop.deal()
        await shop.order(buyer(), used)
        await end(shop, used)
    over = await sold_deal(shop)
    await end(shop, over)
    waiting = await shop.resources.pool.fetchval(
        "SELECT count(*) FROM deals WHERE gate_closed_at IS NULL AND ends_at <= $1",
        shop.resources.clock.now() - AFTERLIFE,
    )
    monkeypatch.setattr(pruning, "MOST_GATES", 1)
    for _ in range(waiting + 1):
        await shop.resources.pruning.close_gates()
    assert not await has_gate(shop, over)


async def test_sessions_past_their_end_are_removed_a_lot_at_a_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = shop.resources.pool
    await pool.execute("DELETE FROM sessions WHERE expires_at <= now()")
    user_id = buyer()
    await pool.execute("INSERT INTO users (id, email, name) VALUES ($1, $1, 'B')", user_id)
    for number, hours in enumerate((-3, -2, -1, 1)):
        await pool.execute(
            "INSERT INTO sessions (token_hash, user_id, expires_at)"
            " VALUES ($1, $2, now() + make_interval(hours => $3))",
            f"{user_id}{number}".encode(),
            user_id,
            hours,
        )
    monkeypatch.setattr(pruning, "MOST_ROWS", 2)
    assert [await shop.resources.pruning.prune_sessions() for _ in range(3)] == [2, 1, 0]
    left = await pool.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1", user_id)
    assert left == 1


async def test_keys_older_than_a_week_are_removed_and_their_orders_stay(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    key = new_id("req")
    order_id = await shop.place(checkout, key=key)
    await shop.resources.pruning.prune_keys()
    known = "SELECT count(*) FROM idempotency_keys WHERE user_id = $1"
    assert await shop.resources.pool.fetchval(known, user_id) == 1
    await shop.resources.pool.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '8 days' WHERE user_id = $1",
        user_id,
    )
    assert await shop.resources.pruning.prune_keys() >= 1
    assert await shop.resources.pool.fetchval(known, user_id) == 0
    assert await shop.place(checkout, key=key) == order_id
    assert await shop.rows(deal_id) == (10, 1, 0)
