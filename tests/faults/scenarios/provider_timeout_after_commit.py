"""The provider does what it was asked, then answers 500 or nothing at all."""

import asyncio
from collections import Counter

from tests.faults.promise_checks import frozen_holds_kept
from tests.faults.provider import Provider
from tests.faults.scenario import Run, Scenario

_HARM_SECONDS = 12.0


async def _fail(run: Run) -> None:
    async with Provider(run.stack.where) as provider:
        await provider.fault(
            fail_after_commit=0.25,
            silent_after_commit=0.15,
            fail_before_commit=0.1,
            operations=["create", "cancel", "refund", "confirm"],
            seed=run.seed,
        )
        run.harmed("half of what the provider is asked to do ends without an answer")
        await asyncio.sleep(_HARM_SECONDS)
        await provider.heal()
        run.note("the provider answers again")


async def _verdict(run: Run) -> list[str]:
    """Same key, same intent: no order has two."""
    async with Provider(run.stack.where) as provider:
        books = await provider.books()
    intents = Counter(intent["metadata"].get("order_id") for intent in books["intents"])
    lines = [f"{order} has {times} intents" for order, times in intents.items() if times > 1]
    return lines + frozen_holds_kept(run.history)


SCENARIO = Scenario(
    name="provider-timeout-after-commit",
    harm="the provider commits, then answers 500 or nothing",
    expected="same key, same intent; one charge",
    nemesis=_fail,
    verdict=_verdict,
)
