"""What was written while a clock was an hour ahead does not wait until that hour has passed."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from orders.errors import OUT_OF_REACH
from tests.orders.shop import Shop, buyer

HOUR = timedelta(hours=1)


async def test_order_placed_while_the_clock_was_ahead_expires_in_its_time(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    pool, sweeps = shop.resources.pool, shop.resources.sweeps
    promised = await pool.fetchval(
        "UPDATE orders SET placed_at = placed_at + $2, payment_due_at = payment_due_at + $2"
        " WHERE id = $1 RETURNING payment_due_at - placed_at",
        order.id,
        HOUR,
    )
    await sweeps.expire_orders()
    row = await pool.fetchrow(
        "SELECT status, placed_at, payment_due_at FROM orders WHERE id = $1", order.id
    )
    assert row is not None
    assert row["status"] == "PENDING_PAYMENT"
    assert row["payment_due_at"] - row["placed_at"] == promised
    assert abs(row["placed_at"] - datetime.now(UTC)) < timedelta(minutes=1)


async def test_order_with_a_late_deadline_of_its_own_keeps_it(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    pool = shop.resources.pool
    due = await pool.fetchval(
        "UPDATE orders SET payment_due_at = payment_due_at + $2 WHERE id = $1"
        " RETURNING payment_due_at",
        order.id,
        HOUR,
    )
    await shop.resources.sweeps.expire_orders()
    assert due == await pool.fetchval("SELECT payment_due_at FROM orders WHERE id = $1", order.id)


async def test_order_that_was_asked_about_in_the_future_is_asked_about_again(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    pool = shop.resources.pool
    await pool.execute("UPDATE orders SET checked_at = now() + $2 WHERE id = $1", order.id, HOUR)
    assert await shop.resources.sweeps.poll_payments() > 0
    checked_at = await pool.fetchval("SELECT checked_at FROM orders WHERE id = $1", order.id)
    assert checked_at <= datetime.now(UTC)


async def test_jobs_from_the_future_are_woken_and_those_that_wait_a_little_are_not(
    shop: Shop,
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await shop.order(user_id, deal_id)
    pool, sweeps = shop.resources.pool, shop.resources.sweeps
    later = "SELECT count(*) FROM pgqueuer WHERE execute_after > now() + interval '4 minutes'"
    jobs = await pool.execute("UPDATE pgqueuer SET execute_after = now() + interval '5 minutes'")
    assert await sweeps.wake_jobs() == 0
    waiting = await pool.fetchval(later)
    assert f"UPDATE {waiting}" == jobs
    await pool.execute("UPDATE pgqueuer SET execute_after = now() + $1", HOUR)
    assert await sweeps.wake_jobs() == waiting
    assert await pool.fetchval(later) == 0


def test_session_that_ends_while_a_query_is_sent_is_the_world_failing() -> None:
    """asyncpg 0.32: 'cannot switch to state 12; another operation (2) is in progress'."""
    with pytest.raises(OUT_OF_REACH):
        raise asyncpg.InternalClientError("cannot switch to state 12")
