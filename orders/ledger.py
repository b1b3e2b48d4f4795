"""The append-only ledger of each deal's stock, and the only code that changes the counters."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, cast

import asyncpg
import orjson

from orders.statements import sql

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

Reason = Literal[
    "OPENED",  # the deal was created with this allotment
    "RAISED",  # the operator gave it more units
    "LOWERED",  # the operator took units back
    "CLAIMED",  # units were bound to orders
    "SOLD",  # claimed units were paid
    "FREED",  # claimed units went back on sale: cancelled or expired
    "RETURNED",  # sold units went back on sale: the order was refunded
    "WRITTEN_OFF",  # sold units are gone for good: the order was refunded without restock
    "WITHHELD",  # units that exist but are not for sale yet: the safety stock
    "RELEASED",  # units of the safety stock went on sale
    "RECONCILED",  # a drift between the stores was found; the note says which, and what was done
]

EFFECTS: Final[dict[Reason, tuple[int, int, int]]] = {
    "OPENED": (1, 0, 0),
    "RAISED": (1, 0, 0),
    "LOWERED": (-1, 0, 0),
    "CLAIMED": (0, 1, 0),
    "SOLD": (0, 0, 1),
    "FREED": (0, -1, 0),
    "RETURNED": (0, -1, -1),
    "WRITTEN_OFF": (-1, -1, -1),
    "WITHHELD": (0, 0, 0),
    "RELEASED": (1, 0, 0),
    "RECONCILED": (0, 0, 0),
}
"""What one unit of each reason adds to allotment, claimed and sold."""

OPENING_NOTE: Final = "created; what is withheld has an entry"
"""The note of OPENED since safety stock is in the ledger: without an entry, nothing is withheld."""


@dataclass(slots=True)
class LockedDeal:
    """A deal and its counters, locked by the running transaction until it ends."""

    id: str
    starts_at: datetime
    ends_at: datetime
    paused_at: datetime | None
    purchase_limit: int
    epoch: int
    revision: int
    allotment: int
    safety_stock: int
    claimed: int
    sold: int
    ledger_seq: int
    ledger_head: bytes

    @property
    def unclaimed(self) -> int:
        """Units that no order has claimed."""
        return self.allotment - self.claimed


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of a deal's counters; the counters are those after the change."""

    deal_id: str
    seq: int
    reason: Reason
    units: int
    order_ids: tuple[str, ...]
    actor: str
    note: str
    allotment: int
    claimed: int
    sold: int
    at: datetime
    prev_hash: bytes

    @classmethod
    def read(cls, row: asyncpg.Record) -> "Entry":
        """An entry as its row in stock_ledger has it, whether or not it was altered there."""
        return cls(
            deal_id=row["deal_id"],
            seq=row["seq"],
            reason=cast("Reason", row["reason"]),
            units=row["units"],
            order_ids=tuple(row["order_ids"]),
            actor=row["actor"],
            note=row["note"],
            allotment=row["allotment"],
            claimed=row["claimed"],
            sold=row["sold"],
            at=row["at"],
            prev_hash=row["prev_hash"],
        )

    def digest(self) -> bytes:
        """SHA-256 over the entry and the hash of the one before it."""
        return hashlib.sha256(orjson.dumps(list(self.covered().values()))).digest()

    def covered(self) -> dict[str, str | int | list[str]]:
        """What the digest covers, in its order, as JSON has it. Chains depend on it for good."""
        return {
            "deal_id": self.deal_id,
            "seq": self.seq,
            "reason": self.reason,
            "units": self.units,
            "order_ids": list(self.order_ids),
            "actor": self.actor,
            "note": self.note,
            "allotment": self.allotment,
            "claimed": self.claimed,
            "sold": self.sold,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "prev_hash": self.prev_hash.hex(),
        }


async def lock_deals(connection: Connection, deal_ids: Sequence[str]) -> dict[str, LockedDeal]:
    """Lock these deals until the transaction ends. A deal that does not exist is left out."""
    rows = await connection.fetch(sql("lock_deals"), sorted(set(deal_ids)))
    return {
        row["id"]: LockedDeal(
            id=row["id"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            paused_at=row["paused_at"],
            purchase_limit=row["purchase_limit"],
            epoch=row["epoch"],
            revision=row["revision"],
            allotment=row["allotment"],
            safety_stock=row["safety_stock"],
            claimed=row["claimed"],
            sold=row["sold"],
            ledger_seq=row["ledger_seq"],
            ledger_head=row["ledger_head"],
        )
        for row in rows
    }


class LedgerPage:
    """The entries that one transaction writes, for any number of locked deals."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now
        self._entries: list[tuple[Entry, bytes, int]] = []

    def move(
        self,
        deal: LockedDeal,
        reason: Reason,
        units: int,
        *,
        actor: str,
        order_ids: Sequence[str] = (),
        note: str = "",
    ) -> None:
        """Change the counters of a locked deal by `units` for this reason, and note it.

        The counters of `deal` are changed at once, the row when `write` is called.
        """
        by_allotment, by_claimed, by_sold = EFFECTS[reason]
        deal.allotment += by_allotment * units
        deal.claimed += by_claimed * units
        deal.sold += by_sold * units
        entry = Entry(
            deal_id=deal.id,
            seq=deal.ledger_seq + 1,
            reason=reason,
            units=units,
            order_ids=tuple(order_ids),
            actor=actor,
            note=note,
            allotment=deal.allotment,
            claimed=deal.claimed,
            sold=deal.sold,
            at=self._now,
            prev_hash=deal.ledger_head,
        )
        deal.ledger_seq = entry.seq
        deal.ledger_head = entry.digest()
        self._entries.append((entry, deal.ledger_head, deal.safety_stock))

    async def write(self, connection: Connection) -> None:
        """Write the counters and the entries.

        Raises:
            asyncpg.CheckViolationError: the deal would be oversold; nothing is written.
        """
        if not self._entries:
            return
        entries = [entry for entry, _, _ in self._entries]
        await connection.execute(
            sql("append_ledger"),
            [entry.deal_id for entry in entries],
            [entry.seq for entry in entries],
            [entry.reason for entry in entries],
            [entry.units for entry in entries],
            [",".join(entry.order_ids) for entry in entries],
            [entry.actor for entry in entries],
            [entry.note for entry in entries],
            [entry.allotment for entry in entries],
            [entry.claimed for entry in entries],
            [entry.sold for entry in entries],
            [entry.at for entry in entries],
            [entry.prev_hash for entry in entries],
            [digest for _, digest, _ in self._entries],
            [safety_stock for _, _, safety_stock in self._entries],
        )
