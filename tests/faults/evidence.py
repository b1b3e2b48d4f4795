"""What the checker looks at after a run: the databases, the sandbox's books, the history."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import httpx
from redis.asyncio import Redis

from inventory.keys import DealKeys
from tests.faults.history import History
from tests.faults.opening import Sale

Row = dict[str, Any]

# Everything that Postgres knows of a sale, read in one snapshot.
_TABLES: Final = {
    "deals": "SELECT * FROM deals JOIN deal_stock ON deal_id = id",
    "deal_buyers": "SELECT * FROM deal_buyers",
    "ledger": "SELECT * FROM stock_ledger ORDER BY deal_id, seq",
    "checkouts": "SELECT user_id, id, lines::text, total_minor, currency FROM checkouts",
    "orders": "SELECT * FROM orders",
    "lines": "SELECT * FROM order_lines ORDER BY position",
    "payments": "SELECT * FROM payments",
    "keys": "SELECT user_id, key, order_id FROM idempotency_keys",
    "inbox": "SELECT event_id, type, intent_id, handled_at FROM inbox",
    "notifications": "SELECT user_id, fact FROM notifications",
    "sessions": "SELECT token_hash, user_id, revoked_at FROM sessions",
    "drift": "SELECT class, deal_id, order_id, note FROM drift WHERE repaired_at IS NULL",
    "jobs": "SELECT id, entrypoint, status::text, attempts, payload FROM pgqueuer",
}


@dataclass(frozen=True, slots=True)
class Where:
    """The stores themselves (not their proxies), and the sandbox with its secret key."""

    database_url: str
    redis_url: str
    sandbox: str
    sandbox_key: str


@dataclass(slots=True)
class GateDump:
    """All keys of one deal's gate."""

    stock: dict[str, str] = field(default_factory=dict)
    holds: dict[str, tuple[int, str, int]] = field(default_factory=dict)  # units, state, deadline
    claims: dict[str, tuple[int, int, str, str]] = field(default_factory=dict)  # + rank, place, who
    bought: dict[str, int] = field(default_factory=dict)
    unconfirmed: tuple[str, ...] = ()

    def count(self, counter: str) -> int:
        """A number of the stock hash; -1 where there is none."""
        return int(self.stock.get(counter, -1))


@dataclass(slots=True)
class Evidence:
    """One moment of all stores, and what the crowd was told until then."""

    sale: Sale
    history: History
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    deals: list[Row] = field(default_factory=list)
    deal_buyers: list[Row] = field(default_factory=list)
    ledger: list[Row] = field(default_factory=list)
    checkouts: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    payments: list[Row] = field(default_factory=list)
    keys: list[Row] = field(default_factory=list)
    inbox: list[Row] = field(default_factory=list)
    notifications: list[Row] = field(default_factory=list)
    sessions: list[Row] = field(default_factory=list)
    drift: list[Row] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    gates: dict[str, GateDump] = field(default_factory=dict)
    intents: list[Row] = field(default_factory=list)
    charges: list[Row] = field(default_factory=list)
    refunds: list[Row] = field(default_factory=list)
    deliveries: list[Row] = field(default_factory=list)

    def lines_of(self, order: Row) -> list[Row]:
        """The lines of one order."""
        return [
            line
            for line in self.lines
            if (line["user_id"], line["order_id"]) == (order["user_id"], order["id"])
        ]

    def owned(self, deal_id: str, *ranks: int) -> int:
        """Units of a deal that orders own, of these ranks or of all."""
        owners = {
            (order["user_id"], order["id"])
            for order in self.orders
            if order["owns_units"] and (not ranks or order["rank"] in ranks)
        }
        return sum(
            line["quantity"]
            for line in self.lines
            if line["deal_id"] == deal_id and (line["user_id"], line["order_id"]) in owners
        )


async def collect(where: Where, sale: Sale, history: History) -> Evidence:
    """Read everything once."""
    found = Evidence(sale=sale, history=history)
    await read_postgres(where, found)
    await read_gates(where, found)
    await read_sandbox(where, found)
    return found


async def read_postgres(
    where: Where, found: Evidence, tables: Iterable[str] = tuple(_TABLES)
) -> None:
    """These tables, in one snapshot."""
    connection = await asyncpg.connect(where.database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for name in tables:
                rows = await connection.fetch(_TABLES[name])
                setattr(found, name, [dict(row) for row in rows])
            found.at = await connection.fetchval("SELECT now()")
    finally:
        await connection.close()


async def read_gates(where: Where, found: Evidence) -> None:
    """The gate of every deal that Postgres has, each in one transaction of Redis."""
    async with Redis.from_url(where.redis_url, decode_responses=True) as redis:
        for deal in found.deals:
            keys = DealKeys(deal["id"])
            async with redis.pipeline(transaction=True) as pipe:
                for key in (keys.stock, keys.holds, keys.claims, keys.bought):
                    pipe.hgetall(key)
                pipe.zrange(keys.unconfirmed, 0, -1)
                stock, holds, claims, bought, unconfirmed = await pipe.execute()
            found.gates[deal["id"]] = GateDump(
                stock=stock,
                holds={buyer: _hold(packed) for buyer, packed in holds.items()},
                claims={order: _claim(packed) for order, packed in claims.items()},
                bought={buyer: int(units) for buyer, units in bought.items()},
                unconfirmed=tuple(unconfirmed),
            )


async def read_sandbox(where: Where, found: Evidence) -> None:
    """The sandbox's books at one moment."""
    async with httpx.AsyncClient(base_url=where.sandbox, timeout=30.0) as client:
        books = await client.get(
            "/sandbox/ledger", headers={"authorization": f"Bearer {where.sandbox_key}"}
        )
        books.raise_for_status()
    ledger = books.json()
    found.intents, found.charges = ledger["intents"], ledger["charges"]
    found.refunds, found.deliveries = ledger["refunds"], ledger["deliveries"]


def _hold(packed: str) -> tuple[int, str, int]:
    units, state, deadline, _ = packed.split("|", 3)
    return int(units), state, int(deadline)


def _claim(packed: str) -> tuple[int, int, str, str]:
    units, rank, place, buyer = packed.split("|", 3)
    return int(units), int(rank), place, buyer
