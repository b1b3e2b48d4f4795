"""What an operator sees of a sale at a glance: orders, drift, and whom the deals turn away."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import asyncpg

from admission.tally import Tally
from kit.clock import Clock
from orders.drift import DriftBook
from orders.statements import sql

# A look passes over the statuses of all orders: a tenth of a second for 100,000 of them on a busy
# machine. All who watch in this process share it, and however slow it is, Postgres is looking for a
# twentieth of the time.
FRESH_SECONDS: Final = 1.0
REST_FACTOR: Final = 20
ENDED_WITHIN: Final = timedelta(days=1)
MOST_DEALS: Final = 500


@dataclass(frozen=True, slots=True)
class DealFloor:
    """What one deal withholds, and how often it refused, by code."""

    deal_id: str
    safety_stock: int
    refusals: Mapping[str, int]

    @property
    def refused(self) -> int:
        """How often it refused at all."""
        return sum(self.refusals.values())


@dataclass(frozen=True, slots=True)
class RoomView:
    """The figures of one moment. `orders` by status, `drift` by class: ever found, open."""

    as_of: datetime
    sockets: int
    processes: int
    orders: Mapping[str, int]
    drift: Mapping[str, tuple[int, int]]
    deals: list[DealFloor]


class ControlRoom:
    """Reads the figures, at most once a second however many ask; more seldom when that is slow."""

    def __init__(
        self, *, pool: asyncpg.Pool, driftbook: DriftBook, tally: Tally, clock: Clock
    ) -> None:
        self._pool = pool
        self._driftbook = driftbook
        self._tally = tally
        self._clock = clock
        self._turn = asyncio.Lock()
        self._view: RoomView | None = None
        self._fresh_until = 0.0

    async def look(self) -> RoomView:
        """The figures as they are, or were a moment ago; `as_of` tells.

        While Redis is away its figures are the last known, and the others go on.

        Raises:
            asyncpg.PostgresError, OSError: Postgres is away.
        """
        async with self._turn:
            began = monotonic()
            if self._view is None or began >= self._fresh_until:
                self._view = await self._read()
                took = monotonic() - began
                self._fresh_until = began + max(FRESH_SECONDS, took * REST_FACTOR)
            return self._view

    async def _read(self) -> RoomView:
        as_of = self._clock.now()
        orders = await self._pool.fetch(
            "SELECT status, count(*) FROM orders WHERE status <> 'ABANDONED' GROUP BY status"
        )
        drift = await self._driftbook.counts()
        deals = await self._pool.fetch(
            sql("deals_in_sight"), as_of, as_of - ENDED_WITHIN, MOST_DEALS
        )
        tallied = await self._tally.sums(deal["id"] for deal in deals)
        return RoomView(
            as_of=as_of,
            sockets=tallied.sockets,
            processes=tallied.processes,
            orders={row["status"]: row["count"] for row in orders},
            drift=drift,
            deals=[
                DealFloor(deal["id"], deal["safety_stock"], tallied.refusals.get(deal["id"], {}))
                for deal in deals
            ],
        )
