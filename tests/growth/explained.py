"""What Postgres does for a statement: tables read whole, rows looked at, pages."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from asyncpg.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement as it was sent."""

    query: str
    args: tuple[Any, ...]

    @property
    def name(self) -> str:
        """Enough of it to know it by."""
        words = " ".join(self.query.split())
        return words[:90]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was done for it."""

    read_whole: frozenset[str]  # tables
    rows: int  # looked at, also those that were of no use
    pages: int

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Plan":
        nodes = list(_nodes(told["Plan"]))
        return cls(
            read_whole=frozenset(
                node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"
            ),
            rows=round(sum(map(_rows, nodes))),
            pages=told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"],
        )


class Tape:
    """A pool of one connection, for a transaction that is rolled back; keeps what is asked."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.asked: list[Asked] = []

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Tape"]:
        yield self

    def transaction(self, **_: Any) -> Transaction:
        return self.connection.transaction()

    async def fetch(self, query: str, *args: Any) -> Any:
        self.asked.append(Asked(query, args))
        return await self.connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        self.asked.append(Asked(query, args))
        return await self.connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        self.asked.append(Asked(query, args))
        return await self.connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> Any:
        self.asked.append(Asked(query, args))
        return await self.connection.execute(query, *args)

    async def executemany(self, query: str, every: Iterable[Iterable[Any]]) -> None:
        for args in every:
            await self.execute(query, *args)

    @asynccontextmanager
    async def taping(self) -> AsyncIterator[list[Asked]]:
        """What is done in here leaves no trace but on the tape."""
        self.asked.clear()
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            yield self.asked
        finally:
            await transaction.rollback()


async def explain(connection: asyncpg.Connection, asked: Asked) -> Plan:
    """Carry a statement out, take it back, and tell what it took."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        told = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {asked.query}", *asked.args
        )
    finally:
        await transaction.rollback()
    return Plan.of(orjson.loads(told)[0])


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _rows(node: dict[str, Any]) -> float:
    if "Scan" not in node["Node Type"] or "Relation Name" not in node:
        return 0
    seen = (
        node["Actual Rows"]
        + node.get("Rows Removed by Filter", 0)
        + node.get("Rows Removed by Index Recheck", 0)
    )
    return float(seen * node["Actual Loops"])
