"""Removes what nobody needs any more: gates of deals that are over, old sessions and keys."""

from datetime import timedelta
from typing import Final

import asyncpg
import structlog

from inventory.stock import Stock
from kit.clock import Clock
from orders.deal_by_deal import deal_by_deal
from orders.sweeps import AFTERLIFE

log = structlog.get_logger()

# What one pass takes on; the next pass takes the rest.
MOST_GATES: Final = 20
MOST_ROWS: Final = 1_000
# Clients repeat a request within seconds, a partner's queue within days.
KEY_AGE: Final = timedelta(days=7)


class Pruning:
    """Each method is one pass: bounded, repeatable, safe beside another worker's pass."""

    def __init__(self, *, pool: asyncpg.Pool, stock: Stock, clock: Clock) -> None:
        self._pool = pool
        self._stock = stock
        self._clock = clock
        self._next_gate = ""

    async def close_gates(self) -> int:
        """Remove the gates of deals that are over and that nobody has units at; how many were.

        A late message, as of a refund, has the gate opened once more; it is closed again.
        """
        over = await self._pool.fetch(
            "SELECT id, epoch FROM deals WHERE gate_closed_at IS NULL AND ends_at <= $1"
            " AND id > $2 ORDER BY id LIMIT $3",
            self._clock.now() - AFTERLIFE,
            self._next_gate,
            MOST_GATES,
        )
        # Gates that stay in use must not keep the others waiting.
        self._next_gate = over[-1]["id"] if len(over) == MOST_GATES else ""
        epochs = {deal["id"]: deal["epoch"] for deal in over}

        async def close(deal_id: str) -> int:
            if not await self._stock.close_gate(deal_id):
                return 0
            # A gate opened meanwhile is of a higher epoch, and its deal is looked at again.
            await self._pool.execute(
                "UPDATE deals SET gate_closed_at = $3 WHERE id = $1 AND epoch = $2",
                deal_id,
                epochs[deal_id],
                self._clock.now(),
            )
            log.info("gate_closed", deal_id=deal_id)
            return 1

        return await deal_by_deal("close_gates", list(epochs), close)

    async def prune_sessions(self) -> int:
        """Remove sessions past their end; how many were."""
        return await self._delete(
            "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions"
            " WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
            timedelta(),
        )

    async def prune_keys(self) -> int:
        """Remove idempotency keys that nobody repeats any more; how many were.

        What they stand for stays: a checkout is still placed at most once.
        """
        return await self._delete(
            "DELETE FROM idempotency_keys WHERE (user_id, key) IN ("
            " SELECT user_id, key FROM idempotency_keys"
            " WHERE created_at <= $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
            KEY_AGE,
        )

    async def _delete(self, statement: str, age: timedelta) -> int:
        """Run a bounded DELETE of rows that old; how many there were."""
        status: str = await self._pool.execute(statement, self._clock.now() - age, MOST_ROWS)
        return int(status.rpartition(" ")[2])
