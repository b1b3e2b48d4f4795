"""Proves, from Postgres alone, that the ledger of each deal is whole and nothing is oversold."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import asyncpg

from orders.ledger import EFFECTS, Connection, Entry, Reason
from orders.statements import sql

# Rows fetched at a time; the proof of a deal with a million orders needs no more memory than this.
_ROWS_AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True)
class DealProof:
    """What was found about one deal; it holds when there are no problems."""

    deal_id: str
    title: str
    allotment: int
    claimed: int
    sold: int
    entries: int
    head: str
    problems: tuple[str, ...]
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


async def _prove(connection: Connection, deal_id: str) -> DealProof | None:
    row = await connection.fetchrow(sql("proof_of_deal"), deal_id)
    if row is None:
        return None
    problems: list[str] = []
    allotment = claimed = sold = seq = 0
    head = b""
    cursor = connection.cursor(
        "SELECT * FROM stock_ledger WHERE deal_id = $1 ORDER BY seq",
        deal_id,
        prefetch=_ROWS_AT_A_TIME,
    )
    async for record in cursor:
        where = f"stock_ledger row (deal_id={deal_id}, seq={record['seq']})"
        stored = record["hash"]
        entry = Entry(
            deal_id=record["deal_id"],
            seq=record["seq"],
            reason=cast("Reason", record["reason"]),
            units=record["units"],
            order_ids=tuple(record["order_ids"]),
            actor=record["actor"],
            note=record["note"],
            allotment=record["allotment"],
            claimed=record["claimed"],
            sold=record["sold"],
            at=record["at"],
            prev_hash=record["prev_hash"],
        )
        if entry.seq != seq + 1:
            problems.append(f"{where}: expected seq {seq + 1}; an entry is missing")
        if entry.prev_hash != head:
            problems.append(f"{where}: does not name the hash of the entry before it")
        if entry.digest() != stored:
            problems.append(f"{where}: was altered; its hash does not fit its content")
        after = _apply(entry, allotment=allotment, claimed=claimed, sold=sold)
        if after != (entry.allotment, entry.claimed, entry.sold):
            problems.append(
                f"{where}: {entry.reason} of {entry.units} cannot lead to allotment "
                f"{entry.allotment}, claimed {entry.claimed}, sold {entry.sold}"
            )
        seq, head = entry.seq, stored
        allotment, claimed, sold = entry.allotment, entry.claimed, entry.sold
    problems += _compare(row, allotment=allotment, claimed=claimed, sold=sold, seq=seq, head=head)
    return DealProof(
        deal_id=deal_id,
        title=row["title"],
        allotment=row["allotment"],
        claimed=row["claimed"],
        sold=row["sold"],
        entries=seq,
        head=head.hex(),
        problems=tuple(problems),
        as_of=row["as_of"],
    )


def _apply(entry: Entry, *, allotment: int, claimed: int, sold: int) -> tuple[int, int, int]:
    """The counters that the entry leads to, from those before it."""
    by_allotment, by_claimed, by_sold = EFFECTS.get(entry.reason, (0, 0, 0))
    return (
        allotment + by_allotment * entry.units,
        claimed + by_claimed * entry.units,
        sold + by_sold * entry.units,
    )


def _compare(
    row: asyncpg.Record, *, allotment: int, claimed: int, sold: int, seq: int, head: bytes
) -> list[str]:
    """Where the counters, the orders and the buyers' units differ from the ledger's end."""
    where = f"deal_stock row (deal_id={row['deal_id']})"
    problems: list[str] = []
    for name, counted in (("allotment", allotment), ("claimed", claimed), ("sold", sold)):
        if row[name] != counted:
            problems.append(f"{where}: {name} is {row[name]}, the ledger says {counted}")
    if (row["ledger_seq"], row["ledger_head"]) != (seq, head):
        problems.append(f"{where}: the ledger ends at seq {seq}, the row says {row['ledger_seq']}")
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
    return problems
