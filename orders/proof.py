"""Proves, from Postgres alone, that the ledger of each deal is whole and nothing is oversold."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from orders.ledger import EFFECTS, OPENING_NOTE, Connection, Entry
from orders.statements import sql

# Rows fetched at a time; the proof of a deal with a million orders needs no more memory than this.
ROWS_AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True)
class DealProof:
    """What was found about one deal; it holds when there are no problems."""

    deal_id: str
    title: str
    allotment: int
    safety_stock: int
    claimed: int
    sold: int
    entries: int
    head: str
    problems: tuple[str, ...]
    unproven: tuple[str, ...]  # no problems, but nothing that the ledger could show either
    as_of: datetime

    @property
    def holds(self) -> bool:
        """Whether the chain is unbroken and the counters follow from it."""
        return not self.problems


async def prove_deals(pool: asyncpg.Pool, deal_id: str | None = None) -> AsyncIterator[DealProof]:
    """Prove every deal, or one, each in one consistent snapshot. Reads only; may be repeated."""
    async with pool.acquire() as connection:
        ids = (
            [deal_id]
            if deal_id
            else await connection.fetchval(
                "SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM deals"
            )
        )
        for one in ids:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                proof = await _prove(connection, one)
            if proof is not None:
                yield proof


@dataclass(slots=True)
class _Chain:
    """The ledger's entries so far, and what is wrong with them."""

    seq: int = 0
    head: bytes = b""
    allotment: int = 0
    claimed: int = 0
    sold: int = 0
    withheld: int | None = None  # None: the ledger has said nothing of it
    problems: list[str] = field(default_factory=list)

    def follow(self, entry: Entry, stored: bytes) -> None:
        """Take the next entry, with the hash that its row has."""
        where = f"stock_ledger row (deal_id={entry.deal_id}, seq={entry.seq})"
        if entry.seq != self.seq + 1:
            self.problems.append(f"{where}: expected seq {self.seq + 1}; an entry is missing")
        if entry.prev_hash != self.head:
            self.problems.append(f"{where}: does not name the hash of the entry before it")
        if entry.digest() != stored:
            self.problems.append(f"{where}: was altered; its hash does not fit its content")
        by_allotment, by_claimed, by_sold = EFFECTS.get(entry.reason, (0, 0, 0))
        after = (
            self.allotment + by_allotment * entry.units,
            self.claimed + by_claimed * entry.units,
            self.sold + by_sold * entry.units,
        )
        if after != (entry.allotment, entry.claimed, entry.sold):
            self.problems.append(
                f"{where}: {entry.reason} of {entry.units} cannot lead to allotment "
                f"{entry.allotment}, claimed {entry.claimed}, sold {entry.sold}"
            )
        self._withhold(entry, where)
        self.seq, self.head = entry.seq, stored
        self.allotment, self.claimed, self.sold = entry.allotment, entry.claimed, entry.sold

    def _withhold(self, entry: Entry, where: str) -> None:
        """What is withheld, and never that more is released."""
        if entry.reason == "OPENED" and entry.note == OPENING_NOTE:
            self.withheld = self.withheld or 0
        elif entry.reason == "WITHHELD":
            self.withheld = (self.withheld or 0) + entry.units
        elif entry.reason == "RELEASED":
            self.withheld = (self.withheld or 0) - entry.units
            if self.withheld < 0:
                self.problems.append(
                    f"{where}: releases {-self.withheld} units more than were withheld"
                )


async def _prove(connection: Connection, deal_id: str) -> DealProof | None:
    row = await connection.fetchrow(sql("proof_of_deal"), deal_id)
    if row is None:
        return None
    chain = _Chain()
    cursor = connection.cursor(
        "SELECT * FROM stock_ledger WHERE deal_id = $1 ORDER BY seq",
        deal_id,
        prefetch=ROWS_AT_A_TIME,
    )
    async for record in cursor:
        chain.follow(Entry.read(record), record["hash"])
    return DealProof(
        deal_id=deal_id,
        title=row["title"],
        allotment=row["allotment"],
        safety_stock=row["safety_stock"],
        claimed=row["claimed"],
        sold=row["sold"],
        entries=chain.seq,
        head=chain.head.hex(),
        problems=(*chain.problems, *_compare(row, chain)),
        unproven=tuple(_unproven(row, chain)),
        as_of=row["as_of"],
    )


def _compare(row: asyncpg.Record, chain: _Chain) -> list[str]:
    """Where the counters, the orders and the buyers' units differ from the ledger's end."""
    where = f"deal_stock row (deal_id={row['deal_id']})"
    problems: list[str] = []
    for name, counted in (
        ("allotment", chain.allotment),
        ("claimed", chain.claimed),
        ("sold", chain.sold),
        ("safety_stock", row["safety_stock"] if chain.withheld is None else chain.withheld),
    ):
        if row[name] != counted:
            problems.append(f"{where}: {name} is {row[name]}, the ledger says {counted}")
    if (row["ledger_seq"], row["ledger_head"]) != (chain.seq, chain.head):
        problems.append(
            f"{where}: the ledger ends at seq {chain.seq}, the row says {row['ledger_seq']}"
        )
    if row["ordered_units"] != row["claimed"]:
        problems.append(
            f"{where}: claimed is {row['claimed']}, live order lines add up to "
            f"{row['ordered_units']}"
        )
    if row["paid_units"] != row["sold"]:
        problems.append(
            f"{where}: sold is {row['sold']}, paid order lines add up to {row['paid_units']}"
        )
    if row["buyers_units"] != row["claimed"]:
        problems.append(
            f"{where}: claimed is {row['claimed']}, deal_buyers adds up to {row['buyers_units']}"
        )
    problems += [
        f"orders row: {odd}, which does not fit the units that it owns" for odd in row["odd_orders"]
    ]
    problems += [
        f"orders row (id={order_id}): its total is not the sum of its lines"
        for order_id in row["wrong_totals"]
    ]
    return problems


def _unproven(row: asyncpg.Record, chain: _Chain) -> list[str]:
    """What a ledger older than the reason WITHHELD cannot show."""
    if chain.withheld is not None or row["safety_stock"] == 0:
        return []
    gap = f"safety_stock is {row['safety_stock']}, the ledger does not say how much was withheld"
    return [f"deal_stock row (deal_id={row['deal_id']}): {gap}"]
