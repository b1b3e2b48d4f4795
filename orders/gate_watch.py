"""Looks at the gate of one deal, twice before it believes a difference, and mends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final

import asyncpg
import structlog

from inventory.errors import GateUnreadable
from inventory.stock import Stock
from kit.clock import Clock
from orders.abandonment import Abandonment
from orders.deal_books import DealBooks, read_books
from orders.drift import Drift, DriftBook, DriftClass
from orders.gate_comparison import Comparison
from orders.gatekeeper import Gatekeeper
from orders.statements import sql
from orders.sweeps import AFTERLIFE, CLAIM_PATIENCE

log = structlog.get_logger()

# Between the looks every answer that was on its way has arrived, and every message was applied.
SECOND_LOOK_SECONDS: Final = 3.0
# Giving up stale claims is the sweeper's work; one that it has left for so long is a difference.
STRANGER_PATIENCE: Final = 3 * CLAIM_PATIENCE
# A gate that is not mended by counting it anew is not counted anew all the time.
MEND_AGAIN_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at one gate; `epoch` is the higher one of gate and deal."""

    deal_id: str
    epoch: int
    drifts: Sequence[Drift]


class GateWatch:
    """Compares gates with Postgres, remembering what it suspects."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        stock: Stock,
        gatekeeper: Gatekeeper,
        abandonment: Abandonment,
        driftbook: DriftBook,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._stock = stock
        self._gatekeeper = gatekeeper
        self._abandonment = abandonment
        self._driftbook = driftbook
        self._clock = clock
        self._suspects: dict[str, dict[object, float]] = {}
        self._mended_at: dict[str, float] = {}

    async def look(self, deal_id: str, *, most: int) -> Look | None:
        """The differences that one look finds; some may only be on their way. None: no such deal.

        With more than `most` orders, or holds and claims, the sums alone are compared. Reads only.

        Raises:
            redis.RedisError, asyncpg.PostgresError, OSError: nothing may be concluded.
        """
        books = await read_books(self._pool, deal_id, most=most)
        if books is None:
            return None
        try:
            gate = await self._stock.dump(deal_id, most=most)
        except GateUnreadable as error:
            log.warning("gate_unreadable", deal_id=deal_id, error=repr(error.__cause__))
            return Look(deal_id, books.epoch, [_unreadable(deal_id)])
        if gate is None:
            return Look(deal_id, books.epoch, [] if self._is_over(books) else [_no_gate(deal_id)])
        patience_ms = STRANGER_PATIENCE // timedelta(milliseconds=1)
        drifts = Comparison(books, gate, patience_ms).drifts()
        return Look(
            deal_id,
            max(books.epoch, gate.counters.epoch),
            await self._unmoved(books, drifts) if drifts else [],
        )

    async def look_again(self, deal_id: str, *, most: int) -> Look | None:
        """Look, and tell only what an earlier look has found and every one since has."""
        look = await self.look(deal_id, most=most)
        if look is None:
            return None
        now, before = monotonic(), self._suspects.pop(deal_id, {})
        suspects: dict[object, float] = {
            (drift.key, drift.units): before.get((drift.key, drift.units), now)
            for drift in look.drifts
        }
        if suspects:
            self._suspects[deal_id] = suspects
        await self._driftbook.close_gone(deal_id, {drift.key for drift in look.drifts})
        believed = [
            drift
            for drift in look.drifts
            if now - suspects[drift.key, drift.units] >= SECOND_LOOK_SECONDS
        ]
        return Look(deal_id, look.epoch, believed)

    async def mend(self, look: Look) -> bool:
        """Write differences down, then mend them; False when that was tried a moment ago.

        Counting the gate anew is safe at any time, also where nothing was wrong.

        Raises:
            TryLater: it was not done in time; the next look finds them again.
        """
        await self._driftbook.record(look.drifts)
        now = monotonic()
        if now - self._mended_at.get(look.deal_id, -MEND_AGAIN_SECONDS) < MEND_AGAIN_SECONDS:
            return False
        self._mended_at = {
            deal_id: at for deal_id, at in self._mended_at.items() if now - at < MEND_AGAIN_SECONDS
        }
        self._mended_at[look.deal_id] = now
        for drift in look.drifts:
            if drift.mend == "ABANDON":
                assert drift.user_id is not None
                assert drift.order_id is not None
                await self._abandonment.abandon(
                    drift.user_id, drift.order_id, [(look.deal_id, drift.units)]
                )
        if any(drift.mend == "RECOUNT" for drift in look.drifts):
            await self._gatekeeper.recount(look.deal_id, above=look.epoch)
        return True

    async def _unmoved(self, books: DealBooks, drifts: Sequence[Drift]) -> list[Drift]:
        """Those that Postgres did not move under the look, and is not about to settle."""
        orders = [drift.order_id for drift in drifts if drift.order_id]
        async with self._pool.acquire() as connection:
            deal = await connection.fetchrow(sql("gate_deal"), books.deal_id)
            rows = await connection.fetch(
                "SELECT order_id, o.rank, o.owns_units"
                " FROM order_lines l JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id"
                " WHERE l.deal_id = $1 AND l.order_id = ANY ($2::text[])",
                books.deal_id,
                orders,
            )
            busy = {row[0] for row in await connection.fetch(sql("orders_in_hand"), orders)}
        if deal is None or (deal["epoch"], deal["revision"], deal["allotment"]) != (
            books.epoch,
            books.terms.revision,
            books.allotment,
        ):
            return []
        if books.orders is None and deal["sold"] != books.sold:
            return []
        now = {row["order_id"]: (row["rank"], row["owns_units"]) for row in rows}
        before = {
            order_id: (order.rank, order.owns_units)
            for order_id, order in (books.orders or {}).items()
        }
        return [
            drift
            for drift in drifts
            if drift.order_id is None
            or (
                drift.order_id not in busy and now.get(drift.order_id) == before.get(drift.order_id)
            )
        ]

    def _is_over(self, books: DealBooks) -> bool:
        ended_ms = self._clock.now().timestamp() * 1000 - books.terms.closes_ms
        return ended_ms >= AFTERLIFE / timedelta(milliseconds=1)


def _unreadable(deal_id: str) -> Drift:
    note = "the deal's keys in Redis could not be read"
    return Drift(DriftClass.COUNTER_DRIFT, "RECOUNT", note, deal_id=deal_id)


def _no_gate(deal_id: str) -> Drift:
    return Drift(
        DriftClass.COUNTER_DRIFT, "RECOUNT", "the deal has no gate in Redis", deal_id=deal_id
    )
