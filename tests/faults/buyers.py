"""The crowd: buyers, people who sign out, and an operator who adds stock, all by a seed."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from tests.faults.history import History
from tests.faults.opening import Person, Sale
from tests.faults.shopper import Shopper
from tests.faults.storefront import Storefront

# A deal's turn; what is put on sale has to last for a run, for each buyer has a limit.
_OPERATOR_SECONDS: Final = (1.2, 2.4)
# Of the operator's turns.
_REFUNDS: Final = 0.1
_LEAVING_SECONDS: Final = (2.0, 8.0)
_LOOK_SECONDS: Final = 0.05
# Somebody who waits for an answer when the shop closes gets it by then.
_CLOSING_SECONDS: Final = 30.0


class Crowd:
    """Everybody in a sale. `apis` tells at each request which API processes there are."""

    def __init__(
        self,
        *,
        sale: Sale,
        history: History,
        seed: int,
        apis: Callable[[], Sequence[str]],
        provider: Callable[[], str],
    ) -> None:
        self.sale = sale
        self.history = history
        self._seed = seed
        self.shop = Storefront(
            history=history, apis=apis, provider=provider, chance=self._chance("addresses")
        )
        self.closing = asyncio.Event()
        self._busy: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Let everybody in."""
        everybody = [self._buyer(person) for person in self.sale.buyers]
        everybody += [self._leaver(person) for person in self.sale.leavers]
        everybody += [self._operator(deal) for deal in self.sale.deals]
        self._busy = [asyncio.create_task(one) for one in everybody]

    async def close(self) -> None:
        """Let nobody begin anything more, and wait until everybody has gone."""
        self.closing.set()
        if self._busy:
            _, late = await asyncio.wait(self._busy, timeout=_CLOSING_SECONDS)
            for task in late:
                task.cancel()
            outcomes = await asyncio.gather(*self._busy, return_exceptions=True)
            self._busy = []
            await self.shop.close()
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    raise outcome  # a mistake of the harness
        else:
            await self.shop.close()

    async def until_selling(self, since: float, *, within: float) -> float | None:
        """Wait for an order that was placed after this moment; seconds until it was answered."""
        limit = self.history.now + within
        while self.history.now < limit:
            for operation in reversed(self.history.operations):
                if operation.invoked < since:
                    break
                if operation.name == "place" and operation.outcome == "ok":
                    assert operation.answered is not None
                    return operation.answered - since
            await asyncio.sleep(_LOOK_SECONDS)
        return None

    def send(self, person: Person) -> Shopper:
        """Somebody of `sale.extras`, to be led by a scenario."""
        chance = self._chance(f"extra {self.sale.extras.index(person)}")
        return Shopper(person, sale=self.sale, shop=self.shop, chance=chance)

    async def _buyer(self, person: Person) -> None:
        chance = self._chance(f"buyer {self.sale.buyers.index(person)}")
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        await Shopper(person, sale=self.sale, shop=self.shop, chance=chance).shop(self.closing)

    async def _leaver(self, person: Person) -> None:
        """Sign out in mid-sale, then try the old token for as long as the shop is open."""
        chance = self._chance(f"leaver {self.sale.leavers.index(person)}")
        await self.shop.ask(person, "cart", token="before")
        await self._pause(chance.uniform(*_LEAVING_SECONDS))
        gone = await self.shop.ask(person, "logout")
        while gone.outcome == "unknown" and not self.closing.is_set():
            await self._pause(0.5)
            gone = await self.shop.ask(person, "logout")
        while not self.closing.is_set():
            await self._pause(chance.uniform(0.5, 1.5))
            await self.shop.ask(person, "cart", token="after")

    async def _operator(self, deal: str) -> None:
        """Keep a little of one deal on sale; sometimes take a unit back, or refund somebody."""
        operator = self.sale.operator
        chance = self._chance(f"operator {self.sale.deals.index(deal)}")
        while not self.closing.is_set():
            await self._pause(chance.uniform(*_OPERATOR_SECONDS))
            if chance.random() < _REFUNDS:
                await self._refund(chance)
            shelf = await self.shop.ask(operator, "shelf", {"id": deal})
            left = shelf.told["stock"]["available"] if "stock" in shelf.told else 0
            if left < 2:
                delta = chance.randint(2, 4)
            elif chance.random() < 0.15:
                delta = -1
            else:
                continue
            given = {"dealId": deal, "delta": delta, "reason": "counted again"}
            await self.shop.ask(operator, "adjust", {"input": given})

    async def _refund(self, chance: random.Random) -> None:
        """Send the money of a paid order back, with or without its units."""
        paid = {
            str(one.asked["order"])
            for one in self.history.of("pay")
            if one.told.get("status") == "succeeded"
        }
        asked = {one.asked["orderId"] for one in self.history.of("refund")}
        if paid - asked:
            given = {
                "orderId": chance.choice(sorted(paid - asked)),
                "restock": chance.random() < 0.5,
                "reason": "changed their mind",
            }
            await self.shop.ask(self.sale.operator, "refund", {"input": given})

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.closing.wait(), seconds)
        except TimeoutError:
            return

    def _chance(self, whose: str) -> random.Random:
        return random.Random(f"{self._seed} {whose}")  # noqa: S311 - lots, not secrets
