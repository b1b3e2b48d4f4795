"""Makes the events of a run: real changes at the gate for ours, the same by POST for a peer.

A process of its own, as another API process or a worker would be: the server under test only
hears of what changed. It is told what to do by lines of JSON.
"""

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import orjson
import uvloop

from inventory.answers import HoldAnswer
from kit.clock import iso_ms
from kit.ids import new_id
from kit.log import configure_logs
from kit.money import Money
from kit.settings import load_settings
from orders.offer import NewDeal
from runtime.resources import Resources, open_resources

_BUYERS: Final = 40
_ALLOTMENT: Final = 1_000
_HOLD_FOR: Final = timedelta(minutes=10)
_TICK_SECONDS: Final = 0.01
_MOST_AT_ONCE: Final = 64
# A busy machine stretches what is done one by one.
_PATIENCE: Final = 1.1
# Longer than any conflation: what was held back is told by then.
_SETTLE_SECONDS: Final = 0.5

Change = Callable[[int], Awaitable[None]]


class Gates:
    """Changes the stock of deals by setting buyers' holds, and announces it as the product does."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._buyers = [new_id("usr") for _ in range(_BUYERS)]
        self._turns: dict[str, int] = {}

    async def open(self, *, deals: int) -> dict[str, Any]:
        """Open so many deals for the next hours; their ids."""
        product = await self._resources.catalogue.create(
            sku=new_id("req"), name="Kettle", description="Sings.", category="Kitchen"
        )
        now = datetime.now(UTC)
        ids = [
            await self._resources.dealdesk.create(
                NewDeal(
                    product_id=product.id,
                    title=f"Kettle {number}",
                    price=Money(1_990, "USD"),
                    list_price=Money(3_990, "USD"),
                    starts_at=now - timedelta(minutes=1),
                    ends_at=now + timedelta(hours=6),
                    allotment=_ALLOTMENT,
                    safety_stock=0,
                    purchase_limit=4,
                ),
                actor="bench",
            )
            for number in range(deals)
        ]
        return {"deals": ids}

    async def change(
        self, *, deals: list[str], per_second: float, seconds: float, each: bool
    ) -> dict[str, Any]:
        """Make changes spread over deals; `each` is told at once, else they are conflated."""

        async def change(number: int) -> None:
            deal_id = deals[number % len(deals)]
            # Each deal's buyers in turn, one unit and two: every hold that is set is a change.
            turn = self._turns[deal_id] = self._turns.get(deal_id, -1) + 1
            buyer = self._buyers[turn % _BUYERS]
            quantity = 1 + turn // _BUYERS % 2
            answer = await self._hold(deal_id, buyer, quantity)
            told = self._resources.gatekeeper
            await (told.repeat if each else told.announce)(answer.counters)

        pace = _apart if each else _pace
        made = await pace(change, per_second=per_second, seconds=seconds)
        await asyncio.sleep(_SETTLE_SECONDS)
        return {**made, "finals": await self._finals(deals)}

    async def _hold(self, deal_id: str, buyer: str, quantity: int) -> HoldAnswer:
        async def set_hold(epoch: int) -> HoldAnswer:
            return await self._resources.stock.set_hold(
                deal_id,
                buyer,
                quantity,
                mode="set",
                epoch=epoch,
                operation_id=new_id("req"),
                hold_for=_HOLD_FOR,
            )

        return await self._resources.gatekeeper.at_gate(deal_id, set_hold)

    async def _finals(self, deals: list[str]) -> dict[str, list[int]]:
        read = await self._resources.stockboard.many(deals)
        return {
            deal_id: [v.epoch, v.version, v.allotment, v.available, v.held, v.sold]
            for deal_id, v in read.items()
        }


class Posts:
    """Tells peers events of the same shape; versions count on over all of them."""

    def __init__(self) -> None:
        self._versions = itertools.count(1)

    async def post(
        self, *, port: int, deal: str, per_second: float, seconds: float
    ) -> dict[str, Any]:
        """Tell one peer of one deal, one event after another."""
        told: dict[str, Any] = {}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            async def publish(_number: int) -> None:
                version = next(self._versions)
                held = version % _BUYERS
                told.update(
                    id=deal, dealId=deal, allotment=_ALLOTMENT, available=_ALLOTMENT - held,
                    held=held, sold=0, level="AVAILABLE", epoch=1, version=version,
                    asOf=iso_ms(datetime.now(UTC)),
                )  # fmt: skip
                (await client.post("/publish", content=orjson.dumps(told))).raise_for_status()

            made = await _apart(publish, per_second=per_second, seconds=seconds)
        names = ("epoch", "version", "allotment", "available", "held", "sold")
        return {**made, "finals": {deal: [told[name] for name in names]}}


async def _apart(change: Change, *, per_second: float, seconds: float) -> dict[str, Any]:
    """Make changes one after another, never closer together than their pace says.

    Two that come at once may be told as one, which is no fault: the newest value wins. Where that
    takes too long, fewer are made.
    """
    loop = asyncio.get_running_loop()
    wanted = max(round(per_second * seconds), 1)
    began, made = loop.time(), 0
    while made < wanted and loop.time() - began < seconds * _PATIENCE:
        next_at = loop.time() + 1 / per_second
        await change(made)
        made += 1
        await asyncio.sleep(next_at - loop.time())
    return {"made": made, "seconds": loop.time() - began}


async def _pace(change: Change, *, per_second: float, seconds: float) -> dict[str, Any]:
    """Make changes at their intended times, however long each one takes; at least one is made."""
    loop = asyncio.get_running_loop()
    wanted = max(round(per_second * seconds), 1)
    room = asyncio.Semaphore(_MOST_AT_ONCE)
    began = loop.time()

    async def one(number: int) -> None:
        async with room:
            await change(number)

    async with asyncio.TaskGroup() as changes:
        started = 0
        while started < wanted:
            due = min(int((loop.time() - began) * per_second) + 1, wanted)
            for number in range(started, due):
                changes.create_task(one(number))
            started = due
            await asyncio.sleep(_TICK_SECONDS)
    return {"made": wanted, "seconds": loop.time() - began}


async def _serve() -> None:
    configure_logs("WARNING")
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with open_resources(load_settings()) as resources:
        gates, posts = Gates(resources), Posts()
        while line := await orders.readline():
            order = orjson.loads(line)
            match order["do"]:
                case "open":
                    answer = await gates.open(**order["with"])
                case "change":
                    answer = await gates.change(**order["with"])
                case "post":
                    answer = await posts.post(**order["with"])
                case word:
                    raise AssertionError(f"nobody knows how to {word}")
            sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(_serve())
