"""One virtual buyer: what a person does with a cart, an order and a card, by lot."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.faults.history import Operation
from tests.faults.opening import Person, Sale
from tests.faults.storefront import Storefront

# Somebody who gets no answer tries again this often, and then gives up for good.
MOST_TRIES: Final = 6
_THINK_SECONDS: Final = (0.05, 0.5)
# What becomes of an order, by weight.
_ENDINGS: Final = {
    "pays": 60,
    "declined, then pays": 8,
    "pays with 3-D Secure": 8,
    "fails 3-D Secure": 3,
    "cancels": 8,
    "cancels while paying": 3,
    "pays late": 5,
    "forgets": 5,
}


class Shopper:
    """Shops round after round until the shop closes."""

    def __init__(
        self, person: Person, *, sale: Sale, shop: Storefront, chance: random.Random
    ) -> None:
        self._person = person
        self._sale = sale
        self._shop = shop
        self._chance = chance
        self._keys = 0
        self._orders: list[str] = []

    async def shop(self, closing: asyncio.Event) -> None:
        """One round after the other."""
        while not closing.is_set():
            await self.round(closing)
            await self._think()

    async def round(self, closing: asyncio.Event) -> None:
        """Fill a cart and, most often, turn it into an order."""
        if self._orders and self._by(0.2):  # what has become of an earlier one?
            await self._ask("order", {"id": self._chance.choice(self._orders)})
        wanted = self._chance.sample(self._sale.deals, self._one_or_two(0.25))
        got = [deal for deal in wanted if await self._add(deal, closing)]
        if not got:
            await self._ask("shelf", {"id": wanted[0]})
            await self._think()
            return
        await self._change_mind(got[0])
        if self._by(0.06):
            return  # the cart lapses
        checkout = await self._insist("checkout", {}, closing)
        if checkout.outcome != "ok" or self._by(0.05):
            return  # the frozen cart lapses
        await self._think()
        order = await self.place(checkout.told, closing)
        if order is not None:
            (ending,) = self._chance.choices(list(_ENDINGS), list(_ENDINGS.values()))
            await self.end(order, ending, closing)

    async def buy(self, deal: str, quantity: int, closing: asyncio.Event) -> dict[str, Any] | None:
        """An order of one deal, not paid yet; None when there is none to be had."""
        given = {"dealId": deal, "quantity": quantity, "idempotencyKey": self._key()}
        if (await self._insist("add", {"input": given}, closing)).outcome != "ok":
            return None
        checkout = await self._insist("checkout", {}, closing)
        return await self.place(checkout.told, closing) if checkout.outcome == "ok" else None

    async def place(
        self, checkout: dict[str, Any], closing: asyncio.Event
    ) -> dict[str, Any] | None:
        """Place the order of a checkout, with the same key for as long as the outcome is open."""
        given = {
            "checkoutId": checkout["id"],
            "idempotencyKey": self._key(),
            "expectedTotal": checkout["total"],
        }
        placed = await self._insist("place", {"input": given}, closing)
        if placed.outcome != "ok":
            return None
        if self._by(0.2):  # a double click: the same key again
            await self._ask("place", {"input": given})
        order: dict[str, Any] = placed.told["order"]
        self._orders.append(order["id"])
        return order

    async def end(self, order: dict[str, Any], ending: str, closing: asyncio.Event) -> None:
        """Pay, cancel or forget an order."""
        if ending == "forgets":
            return
        if ending == "cancels":
            await self._insist("cancel", {"orderId": order["id"]}, closing)
            return
        payment = await self.payment(order, closing)
        if payment is None:
            return
        match ending:
            case "pays":
                await self._pay(order, payment, "pm_card_visa")
            case "declined, then pays":
                await self._pay(order, payment, "pm_card_chargeDeclined")
                await self._pay(order, payment, "pm_card_visa")
            case "pays with 3-D Secure" | "fails 3-D Secure":
                outcome = "fail" if ending.startswith("fails") else "complete"
                asked = await self._pay(order, payment, "pm_card_authenticationRequired")
                page = (asked.told.get("next_action") or {}).get("redirect_to_url")
                if page:
                    await self._think()
                    await self._shop.answer_bank(self._person, page["url"], outcome)
            case "cancels while paying":
                await asyncio.gather(
                    self._ask("cancel", {"orderId": order["id"]}),
                    self._pay(order, payment, "pm_card_visa"),
                )
            case "pays late":
                due = datetime.fromisoformat(order["paymentDueAt"])
                around = timedelta(seconds=self._chance.uniform(-0.4, 0.4))
                await _wait(due + around - datetime.now(UTC), closing)
                await self._pay(order, payment, "pm_card_visa")
            case _:
                raise AssertionError(ending)
        await self._ask("order", {"id": order["id"]})

    async def _add(self, deal: str, closing: asyncio.Event) -> bool:
        given: dict[str, Any] = {"dealId": deal, "quantity": self._one_or_two(0.4)}
        if self._by(0.8):
            given["idempotencyKey"] = self._key()
            added = await self._insist("add", {"input": given}, closing)
        else:
            added = await self._ask("add", {"input": given})  # without a key: never again
        return added.outcome == "ok"

    async def _change_mind(self, deal: str) -> None:
        if self._by(0.15):
            await self._ask("change", {"input": {"dealId": deal, "quantity": self._one_or_two()}})
        if self._by(0.05):
            await self._ask("remove", {"input": {"dealId": deal}})
        if self._by(0.15):
            await self._ask("cart")

    async def payment(self, order: dict[str, Any], closing: asyncio.Event) -> dict[str, Any] | None:
        """What to pay with, once the intent is open; None when that takes too long."""
        payment: dict[str, Any] = order["payment"]
        for _ in range(MOST_TRIES):
            if payment["clientSecret"] is not None:
                return payment
            if closing.is_set():
                return None
            await asyncio.sleep(0.5)
            read = await self._ask("order", {"id": order["id"]})
            if read.outcome == "ok" and "payment" in read.told:
                payment = read.told["payment"]
        return None

    async def _pay(self, order: dict[str, Any], payment: dict[str, Any], card: str) -> Operation:
        """Pay; somebody without an answer clicks once more."""
        paid = await self._shop.pay(self._person, order["id"], payment, card)
        if paid.outcome == "unknown":
            paid = await self._shop.pay(self._person, order["id"], payment, card)
        return paid

    async def _insist(
        self, name: str, variables: dict[str, Any], closing: asyncio.Event
    ) -> Operation:
        """Ask the same again while the outcome is open, later each time."""
        operation = await self._ask(name, variables)
        for attempt in range(MOST_TRIES):
            if operation.outcome != "unknown" or closing.is_set():
                break
            await asyncio.sleep(self._chance.uniform(0.2, 0.6) * (1 + attempt))
            operation = await self._ask(name, variables)
        return operation

    async def _ask(self, name: str, variables: dict[str, Any] | None = None) -> Operation:
        return await self._shop.ask(self._person, name, variables)

    async def _think(self) -> None:
        await asyncio.sleep(self._chance.uniform(*_THINK_SECONDS))

    def _one_or_two(self, two: float = 0.5) -> int:
        return 2 if self._by(two) else 1

    def _by(self, chance: float) -> bool:
        return self._chance.random() < chance

    def _key(self) -> str:
        self._keys += 1
        return f"{self._person.user_id}-{self._keys}"


async def _wait(duration: timedelta, closing: asyncio.Event) -> None:
    """Wait, unless the shop closes."""
    try:
        await asyncio.wait_for(closing.wait(), max(0.0, duration.total_seconds()))
    except TimeoutError:
        return
