"""Deals and what happens at their gates, done as another process of the product does it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bench.pace import apart, paced
from inventory.answers import HoldAnswer
from kit.ids import new_id
from kit.money import Money
from orders.offer import NewDeal
from runtime.resources import Resources

_BUYERS: Final = 40
_ALLOTMENT: Final = 1_000
_HOLD_FOR: Final = timedelta(minutes=10)
_MOST_AT_ONCE: Final = 12
# Longer than any conflation: what was held back is told by then.
_SETTLE_SECONDS: Final = 0.5
_READ_AT_ONCE: Final = 500


class Gates:
    """Opens deals, and changes their stock by setting buyers' holds."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._buyers = [new_id("usr") for _ in range(_BUYERS)]
        self._turns: dict[str, int] = {}

    async def open(
        self,
        *,
        deals: int,
        products: int = 1,
        allotment: int = _ALLOTMENT,
        limit: int = 4,
        hours: float = 6,
    ) -> dict[str, Any]:
        """Open so many deals now, of so many new products in turn; their ids."""
        made = [await self._product(number) for number in range(products)]
        now = datetime.now(UTC)
        room = asyncio.Semaphore(_MOST_AT_ONCE)

        async def create(number: int) -> str:
            async with room:
                return await self._resources.dealdesk.create(
                    NewDeal(
                        product_id=made[number % products],
                        title=f"Kettle {number}",
                        price=Money(1_990, "USD"),
                        list_price=Money(3_990, "USD"),
                        starts_at=now - timedelta(minutes=1),
                        ends_at=now + timedelta(hours=hours),
                        allotment=allotment,
                        safety_stock=0,
                        purchase_limit=limit,
                    ),
                    actor="bench",
                )

        return {"deals": list(await asyncio.gather(*map(create, range(deals))))}

    async def _product(self, number: int) -> str:
        product = await self._resources.catalogue.create(
            sku=new_id("req"),
            name=f"Kettle No. {number}, 1.7 l, brushed steel",
            description="Sings.",
            category="Kitchen",
            image_url=f"https://shop.example/pictures/kettle-{number}.jpg",
        )
        return product.id

    async def change(
        self, *, deals: list[str], per_second: float, seconds: float, each: bool
    ) -> dict[str, Any]:
        """Make changes spread over deals; `each` is told at once, else they are conflated."""

        async def change(number: int) -> None:
            await self.change_one(deals[number % len(deals)], at_once=each)

        pace = apart if each else paced
        made = await pace(change, per_second=per_second, seconds=seconds)
        await asyncio.sleep(_SETTLE_SECONDS)
        return {**made, "finals": await self._finals(deals)}

    async def change_one(self, deal_id: str, *, at_once: bool = False) -> HoldAnswer:
        """One change of one deal, announced: what the gate answered."""
        # Each deal's buyers in turn, one unit and two: every hold that is set is a change.
        turn = self._turns[deal_id] = self._turns.get(deal_id, -1) + 1
        buyer, quantity = self._buyers[turn % _BUYERS], 1 + turn // _BUYERS % 2
        answer = await self._hold(deal_id, buyer, quantity, _HOLD_FOR)
        told = self._resources.gatekeeper
        (told.repeat if at_once else told.announce)(answer.counters)
        return answer

    async def sell_out(self, *, deal: str, units: int, until: float) -> dict[str, Any]:
        """Hold so many units of a deal, one for each of so many buyers, until a Unix time.

        The first and the last deadline, Unix ms, as the gate has them.
        """
        deadlines: list[int] = []

        async def take(_number: int) -> None:
            hold_for = datetime.fromtimestamp(until, UTC) - datetime.now(UTC)
            answer = await self._hold(deal, new_id("usr"), 1, hold_for)
            assert answer.hold is not None
            deadlines.append(answer.hold.deadline_ms)
            self._resources.gatekeeper.announce(answer.counters)

        room = asyncio.Semaphore(_MOST_AT_ONCE)

        async def one(number: int) -> None:
            async with room:
                await take(number)

        await asyncio.gather(*map(one, range(units)))
        await asyncio.sleep(_SETTLE_SECONDS)
        return {"first_ms": min(deadlines), "last_ms": max(deadlines)}

    async def count(self, *, deals: list[str]) -> dict[str, Any]:
        """The counters of deals, summed, and how many of them do not add up."""
        sums = {"allotment": 0, "available": 0, "held": 0, "sold": 0}
        wrong: list[str] = []
        for start in range(0, len(deals), _READ_AT_ONCE):
            some = deals[start : start + _READ_AT_ONCE]
            read = await self._resources.stock.read(some)
            for deal_id in some:
                seen = read[deal_id]
                if seen is None:
                    wrong.append(f"{deal_id}: no gate")
                    continue
                sums["allotment"] += seen.allotment
                sums["available"] += seen.available
                sums["held"] += seen.held
                sums["sold"] += seen.committed
                if seen.available < 0 or seen.allotment != (
                    seen.available + seen.held + seen.committed
                ):
                    wrong.append(repr(seen))
        return {**sums, "wrong": len(wrong), "examples": wrong[:3]}

    async def _hold(
        self, deal_id: str, buyer: str, quantity: int, hold_for: timedelta
    ) -> HoldAnswer:
        async def set_hold(epoch: int) -> HoldAnswer:
            return await self._resources.stock.set_hold(
                deal_id,
                buyer,
                quantity,
                mode="set",
                epoch=epoch,
                operation_id=new_id("req"),
                hold_for=hold_for,
            )

        return await self._resources.gatekeeper.at_gate(deal_id, set_hold)

    async def _finals(self, deals: Sequence[str]) -> dict[str, list[int]]:
        read = await self._resources.stockboard.many(deals)
        return {
            deal_id: [v.epoch, v.version, v.allotment, v.available, v.held, v.sold]
            for deal_id, v in read.items()
        }
