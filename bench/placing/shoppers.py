"""Buyers with a checkout each, who place their orders over HTTP; a process of its own.

It is told what to do by lines of JSON. Carts and checkouts are made before anything is measured,
by the scripts and rows that the product makes them of.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
import uvloop

from auth.seeding import seed_buyers
from auth.sessions import hash_token
from bench.figures import percentile
from bench.gates import Gates
from bench.placing.connection import Connection
from bench.placing.query import request
from inventory.answers import HoldAnswer
from inventory.carts import CartIndex
from kit.clock import from_ms
from kit.ids import new_id
from kit.log import configure_logs
from kit.settings import load_settings
from orders.proof import prove_deals
from runtime.resources import Resources, open_resources

PRICE_MINOR: Final = 1_990
_ALLOTMENT: Final = 1_000_000
_AT_ONCE: Final = 32
_HOLD_FOR: Final = timedelta(minutes=10)
_FROZEN_FOR: Final = timedelta(minutes=15)
_STATS_SECONDS: Final = 1.2


class Shoppers:
    """Prepares checkouts, places them, and looks at what became of them."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._index = CartIndex(resources.redis)
        self._ready: list[bytes] = []
        self._placed: list[str] = []

    async def open(self, *, deals: int) -> dict[str, Any]:
        """So many deals that nobody can sell out; their ids."""
        return await Gates(self._resources).open(deals=deals, allotment=_ALLOTMENT, limit=4)

    async def prepare(self, *, count: int, deals: list[str]) -> dict[str, Any]:
        """So many more buyers, each with a checkout of one unit of each deal."""
        tokens = await seed_buyers(self._resources.pool, buyers=count, session_days=1)
        rows = await self._resources.pool.fetch(
            "SELECT user_id, token_hash FROM sessions WHERE token_hash = ANY ($1::bytea[])",
            [hash_token(token) for token in tokens],
        )
        user_of = {row["token_hash"]: row["user_id"] for row in rows}
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(token: str) -> tuple[Any, ...]:
            async with room:
                return await self._check_out(user_of[hash_token(token)], deals)

        made = await asyncio.gather(*map(one, tokens))
        await self._resources.pool.executemany(
            "INSERT INTO checkouts (user_id, id, lines, total_minor, currency, expires_at)"
            " VALUES ($1, $2, $3, $4, 'USD', $5)",
            made,
        )
        total = PRICE_MINOR * len(deals)
        self._ready += [
            request(token, checkout_id=row[1], total_minor=total)
            for token, row in zip(tokens, made, strict=True)
        ]
        return {"ready": len(self._ready)}

    async def place(self, *, port: int, connections: int, seconds: float) -> dict[str, Any]:
        """Place orders from so many connections, each one after another, until time is up.

        Those that are under way then are waited for; `in_time` leaves them out.
        """
        loop = asyncio.get_running_loop()
        opened = [await Connection.open(loop, port) for _ in range(connections)]
        times: list[float] = []
        refused: list[str] = []
        placed: list[str] = []
        opening = in_time = 0
        began, cpu = loop.time(), time.process_time()

        async def buy(connection: Connection) -> None:
            nonlocal opening, in_time
            while self._ready and loop.time() - began < seconds:
                asked = self._ready.pop()
                sent = loop.time()
                answer = await connection.ask(asked)
                times.append(loop.time() - sent)
                in_time += loop.time() - began <= seconds
                told = orjson.loads(answer)["data"]["placeOrder"]
                if told["__typename"] == "OrderPlaced":
                    placed.append(told["order"]["id"])
                    opening += told["order"]["payment"]["status"] == "OPENING"
                else:
                    refused.append(answer.decode())

        await asyncio.gather(*map(buy, opened))
        cpu = time.process_time() - cpu
        for connection in opened:
            connection.close()
        self._placed += placed
        times.sort()
        return {
            "placed": len(placed), "in_time": in_time, "opening": opening, "refused": refused[:3],
            "refusals": len(refused), "cpu_seconds": cpu,
            "left": len(self._ready),
            "p50_ms": 1000 * (percentile(times, 0.5) or 0),
            "p99_ms": 1000 * (percentile(times, 0.99) or 0),
        }  # fmt: skip

    async def flushes(self) -> dict[str, Any]:
        """How often the sessions of Postgres have flushed the log, and how many orders there are.

        A session tells its figures at most once a second.
        """
        await asyncio.sleep(_STATS_SECONDS)
        row = await self._resources.pool.fetchrow(
            "SELECT (SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io"
            "         WHERE object = 'wal' AND backend_type = 'client backend') AS flushes,"
            "       (SELECT count(*) FROM orders) AS orders"
        )
        assert row is not None
        return dict(row)

    async def verify(self, *, deals: list[str]) -> dict[str, Any]:
        """What of the answered orders is there, and what `flashsale verify` says of the deals."""
        pool, placed = self._resources.pool, self._placed
        whole = await pool.fetchval(
            "SELECT count(*) FROM orders o WHERE o.id = ANY ($1::text[]) AND o.owns_units"
            " AND (SELECT count(*) FROM order_lines l"
            "       WHERE l.user_id = o.user_id AND l.order_id = o.id) = $2",
            placed,
            len(deals),
        )
        in_ledger = await pool.fetchval(
            "SELECT min(entries) FROM (SELECT d.id, count(l.id) AS entries"
            "  FROM unnest($1::text[]) AS d (id)"
            "  LEFT JOIN (SELECT deal_id, unnest(order_ids) AS id FROM stock_ledger"
            "              WHERE deal_id = ANY ($1::text[]) AND reason = 'CLAIMED') l"
            "         ON l.deal_id = d.id AND l.id = ANY ($2::text[]) GROUP BY d.id) counted",
            deals,
            placed,
        )
        problems = [
            problem
            for deal_id in deals
            async for proof in prove_deals(pool, deal_id)
            for problem in proof.problems
        ]
        return {
            "placed": len(placed), "different": len(set(placed)), "whole": whole,
            "in_ledger": in_ledger, "problems": problems,
        }  # fmt: skip

    async def _check_out(self, user_id: str, deals: Sequence[str]) -> tuple[Any, ...]:
        """Hold and freeze one unit of each deal; the row of the checkout."""
        for deal_id in deals:
            await self._index.note(
                user_id, deal_id, key=None, fingerprint="", keep_for=timedelta(hours=1)
            )
            await self._at_gate(deal_id, self._hold(deal_id, user_id))
        checkout_id = await self._index.propose_checkout(user_id, new_id("chk"))
        frozen = [
            await self._at_gate(deal_id, self._freeze(deal_id, user_id, checkout_id))
            for deal_id in deals
        ]
        lines = [
            {"deal_id": id_, "title": "Kettle", "quantity": 1, "unit_price_minor": PRICE_MINOR}
            for id_ in deals
        ]
        deadline_ms = min(answer.hold.deadline_ms for answer in frozen if answer.hold is not None)
        return (
            user_id,
            checkout_id,
            orjson.dumps(lines).decode(),
            PRICE_MINOR * len(deals),
            from_ms(deadline_ms),
        )

    async def _at_gate(
        self, deal_id: str, attempt: Callable[[int], Awaitable[HoldAnswer]]
    ) -> HoldAnswer:
        return await self._resources.gatekeeper.at_gate(deal_id, attempt)

    def _hold(self, deal_id: str, user_id: str) -> Callable[[int], Awaitable[HoldAnswer]]:
        return lambda epoch: self._resources.stock.set_hold(
            deal_id, user_id, 1, mode="set", epoch=epoch, operation_id=new_id("req"),
            hold_for=_HOLD_FOR,
        )  # fmt: skip

    def _freeze(
        self, deal_id: str, user_id: str, checkout_id: str
    ) -> Callable[[int], Awaitable[HoldAnswer]]:
        return lambda epoch: self._resources.stock.freeze_hold(
            deal_id, user_id, epoch=epoch, checkout_id=checkout_id, cap=_FROZEN_FOR
        )


async def _serve() -> None:
    configure_logs("WARNING")
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with open_resources(load_settings()) as resources:
        shoppers = Shoppers(resources)
        does: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "open": shoppers.open,
            "prepare": shoppers.prepare,
            "place": shoppers.place,
            "flushes": shoppers.flushes,
            "verify": shoppers.verify,
        }
        while line := await orders.readline():
            order = orjson.loads(line)
            answer = await does[order["do"]](**order["with"])
            sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(_serve())
