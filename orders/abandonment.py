"""Giving up a claim whose order will never be: only behind a row that keeps the order out."""

from collections.abc import Sequence

import asyncpg
import structlog

from kit.clock import Clock
from kit.ids import sibling
from orders import jobs
from orders.checkout import CheckoutView
from orders.drafts import FREED
from orders.ledger import lock_deals

log = structlog.get_logger()


class Abandonment:
    """Releases claims without an order (protocol rule 2)."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def give_up(self, checkout: CheckoutView) -> bool:
        """Give up the order of a checkout, unless it exists; see `abandon`."""
        return await self.abandon(
            checkout.user_id,
            sibling("ord", checkout.id),
            [(line.deal_id, line.quantity) for line in checkout.lines],
        )

    async def abandon(self, user_id: str, order_id: str, lines: Sequence[tuple[str, int]]) -> bool:
        """Insert the order as ABANDONED and stage the release of its claims.

        False where there is such an order and it owns its units. One that does not, as one made
        for money whose order and checkout a backup has lost, has no use for its claims either.
        A transaction that brings the order later conflicts with the row instead of committing.
        May be repeated: the release is staged again and the gate applies it once.
        """
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            deals = await lock_deals(connection, [deal_id for deal_id, _ in lines])
            await connection.execute(
                "INSERT INTO orders (user_id, id, number, checkout_id, status, rank, owns_units,"
                " total_minor, currency, placed_at, payment_due_at, checked_at)"
                " VALUES ($1, $2, '', $3, 'ABANDONED', $4, false, 0, '', $5, $5, $5)"
                " ON CONFLICT DO NOTHING",
                user_id,
                order_id,
                sibling("chk", order_id),
                FREED,
                now,
            )
            order = await connection.fetchrow(
                "SELECT status, owns_units, rank FROM orders WHERE user_id = $1 AND id = $2",
                user_id,
                order_id,
            )
            if order is None or order["owns_units"]:
                return False
            if order["status"] == "ABANDONED":
                await connection.executemany(
                    "INSERT INTO order_lines (user_id, order_id, deal_id, position, title,"
                    " quantity, unit_price_minor) VALUES ($1, $2, $3, 0, '', $4, 0)"
                    " ON CONFLICT DO NOTHING",
                    [(user_id, order_id, deal_id, units) for deal_id, units in lines],
                )
            await jobs.stage_many(
                connection,
                jobs.GATE_MESSAGE,
                [
                    jobs.gate_message(
                        deal_id=deal_id,
                        order_id=order_id,
                        user_id=user_id,
                        units=units,
                        epoch=deals[deal_id].epoch,
                        rank=order["rank"],
                    )
                    for deal_id, units in lines
                    if deal_id in deals
                ],
            )
        log.info("order_abandoned", order_id=order_id, user_id=user_id)
        return True
