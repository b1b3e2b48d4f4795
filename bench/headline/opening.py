"""Opens the deals of W2, and looks at their gates afterwards: a process with the product's parts.

It is told what to do by lines of JSON.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import uvloop

from inventory.answers import HoldAnswer
from kit.ids import new_id
from kit.log import configure_logs
from kit.money import Money
from kit.settings import load_settings
from orders.offer import NewDeal
from runtime.resources import Resources, open_resources

_AT_ONCE: Final = 8
_HOLD_FOR: Final = timedelta(minutes=10)
LIMIT: Final = 2
# More than any deal of a run has: a gate is looked at whole.
_MOST_DUMPED: Final = 1_000_000


async def open_deals(
    resources: Resources, *, allotments: list[int], hot: int, limit: int = LIMIT
) -> dict[str, Any]:
    """Open a deal of a product of its own for each allotment; the first `hot` end first."""
    now = datetime.now(UTC)
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, allotment: int) -> str:
        async with slots:
            product = await resources.catalogue.create(
                sku=new_id("req"),
                name=f"Kettle {number}",
                description="Sings when it boils, and keeps warm for an hour afterwards.",
                category="Kitchen",
            )
            hours = 3 if number < hot else 6
            return await resources.dealdesk.create(
                NewDeal(
                    product_id=product.id,
                    title=f"Kettle {number} at half the price",
                    price=Money(1_990 + number, "USD"),
                    list_price=Money(3_990 + 2 * number, "USD"),
                    starts_at=now - timedelta(minutes=1),
                    ends_at=now + timedelta(hours=hours, seconds=number),
                    allotment=allotment,
                    purchase_limit=limit,
                ),
                actor="bench",
            )

    opened = await asyncio.gather(*(one(number, units) for number, units in enumerate(allotments)))
    return {"deals": opened}


async def hold(resources: Resources, *, deal: str, buyers: int) -> dict[str, Any]:
    """One unit of a deal for each of so many buyers whom nobody knows."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one() -> None:
        async def set_hold(epoch: int) -> HoldAnswer:
            return await resources.stock.set_hold(
                deal,
                new_id("usr"),
                1,
                mode="set",
                epoch=epoch,
                operation_id=new_id("req"),
                hold_for=_HOLD_FOR,
            )

        async with slots:
            await resources.gatekeeper.at_gate(deal, set_hold)

    async with asyncio.TaskGroup() as holds:
        for _ in range(buyers):
            holds.create_task(one())
    return {}


async def look(resources: Resources, *, deals: list[str]) -> dict[str, Any]:
    """What each gate says: allotment, available, held, sold, units of holds, most of one buyer."""
    gates: dict[str, list[int]] = {}
    for deal_id in deals:
        dump = await resources.stock.dump(deal_id, most=_MOST_DUMPED)
        assert dump is not None, "the gate of a live deal is open"
        assert dump.contents is not None, "no gate is that large"
        each = dict(dump.contents.bought)
        for buyer, hold in dump.contents.holds.items():
            each[buyer] = each.get(buyer, 0) + hold.units
        counters = dump.counters
        gates[deal_id] = [
            counters.allotment,
            counters.available,
            counters.held,
            counters.committed,
            sum(hold.units for hold in dump.contents.holds.values()),
            max(each.values(), default=0),
        ]
    return {"gates": gates}


async def _serve() -> None:
    configure_logs("WARNING")
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with open_resources(load_settings()) as resources:
        while line := await orders.readline():
            order = orjson.loads(line)
            match order["do"]:
                case "open":
                    answer = await open_deals(resources, **order["with"])
                case "hold":
                    answer = await hold(resources, **order["with"])
                case "look":
                    answer = await look(resources, **order["with"])
                case word:
                    raise AssertionError(f"nobody knows how to {word}")
            sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(_serve())
