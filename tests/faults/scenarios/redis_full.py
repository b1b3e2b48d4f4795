"""Redis has no memory left: what makes it grow is refused, what ends a hold is not."""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from redis.asyncio import Redis

from inventory.keys import DealKeys
from tests.faults.history import Operation
from tests.faults.opening import Person
from tests.faults.scenario import Run, SaleShape, Scenario

# Less than an empty server uses.
_FULL: Final = "1mb"
_TRIES: Final = 12
_LOOK_SECONDS: Final = 0.2
# What is staged as a job comes to the gate within this, on a crowded machine, too.
_HEARD_SECONDS: Final = 20.0


@dataclass
class _Cast:
    """Who does what while Redis is full; each has come so far before."""

    run: Run
    redis: Redis
    deal: str

    async def hold(self, person: Person) -> None:
        """One unit, held."""
        given = {"dealId": self.deal, "quantity": 1, "idempotencyKey": f"full {person.user_id}"}
        await self._insist(person, "add", {"input": given})

    async def frozen(self, person: Person) -> dict[str, Any]:
        """A checkout of one unit, not placed yet."""
        await self.hold(person)
        return (await self._insist(person, "checkout", {})).told

    async def order(self, person: Person, checkout: dict[str, Any]) -> dict[str, Any]:
        """The order of a checkout, with something to pay with."""
        given = {
            "checkoutId": checkout["id"],
            "idempotencyKey": f"full {checkout['id']}",
            "expectedTotal": checkout["total"],
        }
        placed: dict[str, Any] = (await self._insist(person, "place", {"input": given})).told
        shopper = self.run.crowd.send(person)
        payment = await shopper.payment(placed["order"], self.run.crowd.closing)
        return {**placed["order"], "payment": payment}

    async def pay(self, person: Person, order: dict[str, Any]) -> None:
        """Pay, and see the gate hear of it."""
        await self.run.crowd.shop.pay(person, order["id"], order["payment"], "pm_card_visa")
        await self._until_at_gate(order, "SOLD")

    async def cancel(self, person: Person, order: dict[str, Any]) -> None:
        """Cancel, and see the gate hear of it."""
        await self._insist(person, "cancel", {"orderId": order["id"]})
        await self._until_at_gate(order, "FREED")

    async def give_back(self, person: Person) -> None:
        """Take the unit out of the cart; where that is refused, it lapses in its time."""
        given = {"dealId": self.deal}
        removed = await self.run.crowd.shop.ask(person, "remove", {"input": given})
        self.run.note(f"taking a unit out of the cart was answered {removed.told['__typename']}")
        limit = monotonic() + _HEARD_SECONDS
        while not self._nothing(await self.redis.hget(DealKeys(self.deal).holds, person.user_id)):
            if monotonic() > limit:
                self.run.broken.append(f"the hold of {person.user_id} does not end at a full gate")
                return
            await asyncio.sleep(_LOOK_SECONDS)
        self.run.note("the unit is back on sale while Redis is full")

    @staticmethod
    def _nothing(hold: Any) -> bool:
        return hold is None or hold.startswith("0|")

    async def _until_at_gate(self, order: dict[str, Any], place: str) -> None:
        limit = monotonic() + _HEARD_SECONDS
        claims, claim = DealKeys(self.deal).claims, ""
        while place not in claim:
            if monotonic() > limit:
                self.run.broken.append(f"{order['id']} at a full gate is {claim}, not {place}")
                return
            await asyncio.sleep(_LOOK_SECONDS)
            claim = str(await self.redis.hget(claims, order["id"]))
        self.run.note(f"{order['id']} is {place} at the full gate")

    async def _insist(self, person: Person, name: str, variables: dict[str, Any]) -> Operation:
        """Ask until it is done."""
        operation = await self.run.crowd.shop.ask(person, name, variables)
        for _ in range(_TRIES):
            if operation.outcome == "ok":
                return operation
            await asyncio.sleep(_LOOK_SECONDS)
            operation = await self.run.crowd.shop.ask(person, name, variables)
        raise AssertionError(f"{name} is not done: {operation}")


async def _fill(run: Run) -> None:
    sale = run.crowd.sale
    placer, payer, canceller, remover, newcomer = sale.extras
    async with Redis.from_url(run.stack.where.redis_url, decode_responses=True) as redis:
        cast = _Cast(run, redis, sale.deals[0])
        checkouts = await asyncio.gather(
            *(cast.frozen(person) for person in (placer, payer, canceller))
        )
        paying, cancelling = await asyncio.gather(
            cast.order(payer, checkouts[1]), cast.order(canceller, checkouts[2])
        )
        await cast.hold(remover)
        await redis.config_set("maxmemory", _FULL)
        run.history.mark("full")
        run.harmed(f"maxmemory {_FULL}: Redis is full")
        try:
            given = {"dealId": sale.deals[0], "quantity": 1, "idempotencyKey": "one too many"}
            added = await run.crowd.shop.ask(newcomer, "add", {"input": given})
            if added.told.get("code") != "TRY_LATER":
                run.broken.append(f"a new hold at a full gate was answered {added.told}")
            await asyncio.gather(
                cast.order(placer, checkouts[0]),
                cast.pay(payer, paying),
                cast.cancel(canceller, cancelling),
                cast.give_back(remover),
            )
            run.note("ordered, paid and cancelled while Redis is full")
        finally:
            await redis.config_set("maxmemory", "0")
            run.history.mark("room")


async def _verdict(run: Run) -> list[str]:
    """Nobody got a new hold meanwhile."""
    (since,), (until,) = run.history.moments("full"), run.history.moments("room")
    held = [
        one
        for one in run.history.of("add")
        if one.outcome == "ok" and since < one.invoked and (one.answered or 0.0) < until
    ]
    told = sum(one.told.get("code") == "TRY_LATER" for one in run.history.of("add"))
    run.note(f"{told} new holds were answered TryLater")
    return [f"{one.who} got a hold while Redis was full" for one in held]


SCENARIO = Scenario(
    name="redis-full",
    harm="maxmemory is reached",
    expected="TryLater for what needs room; ordering, paying, cancelling and lapsing still work",
    nemesis=_fill,
    shape=SaleShape(
        buyers=20,
        extras=5,
        allotment=30,
        settings={"hold_seconds": "7", "checkout_seconds": "12", "payment_seconds": "12"},
    ),
    verdict=_verdict,
)
