"""Redis is gone for a while: nothing can be held, and what was frozen before is still sold."""

import asyncio
from typing import Any

from tests.faults.opening import Person
from tests.faults.scenario import Run, SaleShape, Scenario

_AWAY_SECONDS = 6.0
_FROZEN = 6


async def _go_away(run: Run) -> None:
    buyers = run.crowd.sale.extras[:_FROZEN]
    frozen = [one for one in [await _freeze(run, person) for person in buyers] if one is not None]
    run.note(f"{len(frozen)} checkouts are frozen")
    run.stack.valkey.kill()
    run.history.mark("redis away")
    run.harmed("kill -9 Valkey")
    await asyncio.sleep(1.0)
    placed = await asyncio.gather(*(_place(run, *one) for one in frozen))
    run.note(f"{sum(placed)} of them were placed while Redis was away")
    if not all(placed):
        run.broken.append(f"{placed.count(False)} frozen checkouts were not placed without Redis")
    if not frozen:
        run.broken.append("HARNESS: no checkout was frozen")
    await asyncio.sleep(_AWAY_SECONDS)
    run.history.mark("redis back")
    await run.stack.valkey.start()
    run.note("Valkey is back")


async def _freeze(run: Run, person: Person) -> tuple[Person, dict[str, Any]] | None:
    """A checkout that is not placed yet; None where the shelf was empty."""
    deal = run.random.choice(run.crowd.sale.deals)
    given = {"dealId": deal, "quantity": 1}
    if (await run.crowd.shop.ask(person, "add", {"input": given})).outcome != "ok":
        return None
    checkout = await run.crowd.shop.ask(person, "checkout", {})
    return (person, checkout.told) if checkout.outcome == "ok" else None


async def _place(run: Run, person: Person, checkout: dict[str, Any]) -> bool:
    order = await run.crowd.send(person).place(checkout, run.crowd.closing)
    return order is not None


async def _verdict(run: Run) -> list[str]:
    """Without Redis nothing can be held, and everybody is told to try later."""
    (away,), (back,) = run.history.moments("redis away"), run.history.moments("redis back")
    adds = [
        one
        for one in run.history.of("add")
        if away <= one.invoked and one.answered is not None and one.answered <= back
    ]
    later = sum(one.told.get("code") == "TRY_LATER" for one in adds)
    run.note(f"while Redis was away: {len(adds)} additions to carts, {later} told to try later")
    held = sum(one.outcome == "ok" for one in adds)
    return [f"{held} additions to carts were held without Redis"] if held else []


SCENARIO = Scenario(
    name="redis-down",
    harm="kill -9, and nothing comes back for seven seconds",
    expected="adding to carts answers TryLater; checkouts frozen before still become orders",
    nemesis=_go_away,
    shape=SaleShape(extras=_FROZEN, allotment=80, settings={"checkout_seconds": "30"}),
    verdict=_verdict,
)
