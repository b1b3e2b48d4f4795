"""What Postgres says of one deal, and what it still has to tell the gate: one side of a look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from kit.clock import to_ms
from orders import jobs
from orders.offer import limit_at_gate
from orders.statements import sql


@dataclass(frozen=True, slots=True)
class Terms:
    """What a gate enforces besides the stock; times in Unix ms."""

    revision: int
    opens_ms: int
    closes_ms: int
    limit: int
    paused: bool


@dataclass(frozen=True, slots=True)
class BookedOrder:
    """An order's line of this deal, and whether the order still owns its units."""

    user_id: str
    units: int
    rank: int
    owns_units: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What Postgres has said that the gate may not have heard yet."""

    orders: frozenset[str]  # with messages about their claims
    allotment: bool  # units given or written off
    terms: bool


@dataclass(frozen=True, slots=True)
class DealBooks:
    """One deal in one snapshot; `orders` is None where there are more than was asked for."""

    deal_id: str
    epoch: int
    allotment: int
    claimed: int
    sold: int
    terms: Terms
    orders: Mapping[str, BookedOrder] | None
    waiting: Waiting


async def read_books(pool: asyncpg.Pool, deal_id: str, *, most: int) -> DealBooks | None:
    """Read a deal, its orders and the messages that wait for its gate, in one snapshot.

    The messages have to be read before the gate is: one that waits no longer was applied by then.
    """
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        deal = await connection.fetchrow(sql("gate_deal"), deal_id)
        if deal is None:
            return None
        rows = await connection.fetch(sql("gate_orders"), deal_id, most + 1)
        waiting = await connection.fetch(sql("gate_messages"), deal_id)
    orders = {
        row["order_id"]: BookedOrder(
            row["user_id"], row["quantity"], row["rank"], row["owns_units"]
        )
        for row in rows
    }
    return DealBooks(
        deal_id=deal_id,
        epoch=deal["epoch"],
        allotment=deal["allotment"],
        claimed=deal["claimed"],
        sold=deal["sold"],
        terms=Terms(
            revision=deal["revision"],
            opens_ms=to_ms(deal["starts_at"]),
            closes_ms=to_ms(deal["ends_at"]),
            limit=limit_at_gate(deal["purchase_limit"], deal["price_minor"]),
            paused=deal["paused_at"] is not None,
        ),
        orders=orders if len(rows) <= most else None,
        waiting=_waiting(waiting),
    )


def _waiting(rows: Sequence[asyncpg.Record]) -> Waiting:
    kinds = {row["entrypoint"] for row in rows}
    return Waiting(
        orders=frozenset(row["order_id"] for row in rows if row["order_id"]),
        allotment=jobs.STOCK_ADDED in kinds or any(row["writes_off"] for row in rows),
        terms=jobs.DEAL_CHANGED in kinds,
    )
