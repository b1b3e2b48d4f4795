"""Differences between Redis, Postgres and the payment provider, and the book they are kept in."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

import asyncpg
import structlog

from kit.clock import Clock
from orders.ledger import Connection, LedgerPage, lock_deals
from orders.statements import sql

log = structlog.get_logger()

ACTOR: Final = "reconciliation"


class DriftClass(StrEnum):
    """What can differ. docs/runbook.md says of each what it means and what to do."""

    LOST_HOLD = "LOST_HOLD"
    PHANTOM_STOCK = "PHANTOM_STOCK"
    COUNTER_DRIFT = "COUNTER_DRIFT"
    ORPHAN_INTENT = "ORPHAN_INTENT"
    PAID_WITHOUT_ORDER = "PAID_WITHOUT_ORDER"
    STUCK_ORDER = "STUCK_ORDER"


OF_GATES: Final = (DriftClass.LOST_HOLD, DriftClass.PHANTOM_STOCK, DriftClass.COUNTER_DRIFT)
"""Classes that a look at a deal's gate finds; it also sees when they are gone."""

Mend = Literal["RECOUNT", "ABANDON", "SETTLE", "CANCEL", "ADOPT"]
"""How it is mended: the gate counted anew, a claim given up behind a row that keeps its order out,
the order settled, the intent cancelled, an order made for the money."""

DriftKey = tuple[str | None, DriftClass, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. `units` is its size, 0 where no units differ.

    `deal_id` is None where it concerns no deal; of an order with several it is the first.
    """

    kind: DriftClass
    mend: Mend
    note: str
    deal_id: str | None = None
    user_id: str | None = None
    order_id: str | None = None
    intent_id: str | None = None
    units: int = 0

    @property
    def key(self) -> DriftKey:
        """What makes two sightings the same difference."""
        return (self.deal_id, self.kind, self.order_id, self.intent_id)


class DriftBook:
    """The table `drift`: a row per difference, open until it was seen to be gone."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def record(self, drifts: Sequence[Drift]) -> None:
        """Write differences down, each once while it is open, in one transaction."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self.record_in(connection, drifts)

    async def record_in(self, connection: Connection, drifts: Sequence[Drift]) -> None:
        """Write differences down in the running transaction, which locks their deals.

        What is new gets a row, a line in the log, and an entry in the ledger of its deal: one for
        each class, of no effect on the counters.
        """
        deals = await lock_deals(connection, [drift.deal_id for drift in drifts if drift.deal_id])
        page = LedgerPage(now=self._clock.now())
        told: defaultdict[tuple[str, DriftClass], list[Drift]] = defaultdict(list)
        for drift in drifts:
            if await self._insert(connection, drift):
                log.warning("drift_found", **_words(drift))
                if drift.deal_id in deals:
                    told[drift.deal_id, drift.kind].append(drift)
        for (deal_id, kind), found in told.items():
            page.move(
                deals[deal_id],
                "RECONCILED",
                sum(drift.units for drift in found),
                actor=ACTOR,
                order_ids=[drift.order_id for drift in found if drift.order_id],
                note=f"{kind}: {found[0].note}" if len(found) == 1 else f"{kind}: {len(found)}",
            )
        await page.write(connection)

    async def close_gone(self, deal_id: str, still: Collection[DriftKey]) -> None:
        """Note that a deal's differences at the gate are gone, but for those still there."""
        rows = await self._pool.fetch(
            "SELECT id, deal_id, class, order_id, intent_id FROM drift"
            " WHERE deal_id = $1 AND class = ANY ($2::text[]) AND repaired_at IS NULL",
            deal_id,
            list(OF_GATES),
        )
        gone = [row["id"] for row in rows if _key(row) not in still]
        if gone:
            await self._pool.execute(
                "UPDATE drift SET repaired_at = $2 WHERE id = ANY ($1::bigint[])",
                gone,
                self._clock.now(),
            )
            log.info("drift_gone", deal_id=deal_id, rows=len(gone))

    async def close_settled(self) -> None:
        """Note which differences about orders and money are gone, as Postgres tells."""
        await self._pool.execute(sql("close_drift"), self._clock.now())

    async def open_keys(self) -> set[DriftKey]:
        """The differences that are open."""
        rows = await self._pool.fetch(
            "SELECT deal_id, class, order_id, intent_id FROM drift WHERE repaired_at IS NULL"
        )
        return {_key(row) for row in rows}

    async def counts(self) -> dict[str, tuple[int, int]]:
        """How many were ever found of each class, and how many of them are open."""
        rows = await self._pool.fetch(
            "SELECT class, count(*) AS found, count(*) FILTER (WHERE repaired_at IS NULL) AS open"
            " FROM drift GROUP BY class"
        )
        found = {row["class"]: (row["found"], row["open"]) for row in rows}
        return {kind.value: found.get(kind.value, (0, 0)) for kind in DriftClass}

    async def _insert(self, connection: Connection, drift: Drift) -> bool:
        new = await connection.fetchval(
            "INSERT INTO drift (class, deal_id, user_id, order_id, intent_id, units, note,"
            " found_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
            " ON CONFLICT DO NOTHING RETURNING true",
            drift.kind.value,
            drift.deal_id,
            drift.user_id,
            drift.order_id,
            drift.intent_id,
            drift.units,
            drift.note,
            self._clock.now(),
        )
        return new is not None


def _key(row: asyncpg.Record) -> DriftKey:
    return (row["deal_id"], DriftClass(row["class"]), row["order_id"], row["intent_id"])


def _words(drift: Drift) -> dict[str, object]:
    return {
        "drift": drift.kind.value,
        "deal_id": drift.deal_id,
        "order_id": drift.order_id,
        "intent_id": drift.intent_id,
        "units": drift.units,
        "note": drift.note,
    }
