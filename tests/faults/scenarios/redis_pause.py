"""Valkey stands still for eight seconds, and then carries out what was sent meanwhile."""

import asyncio
from time import monotonic

import httpx

from tests.faults.scenario import Run, Scenario
from tests.faults.storefront import PATIENCE_SECONDS

_PAUSE_SECONDS = 8.0
_KNOCK_SECONDS = 0.2


async def _pause(run: Run) -> None:
    await asyncio.sleep(run.random.uniform(0.5, 2.0))
    run.history.mark("paused")
    run.stack.valkey.freeze()
    run.harmed("SIGSTOP Valkey")
    slowest = await _slowest_answer(run.stack.api_addresses(), _PAUSE_SECONDS)
    run.history.mark("resumed")
    run.stack.valkey.thaw()
    run.note(f"SIGCONT; the slowest answer of an API to a knock took {slowest:.2f} s")
    if slowest > PATIENCE_SECONDS:
        run.broken.append(f"an event loop stood still for {slowest:.1f} s while Redis did")


async def _slowest_answer(addresses: list[str], seconds: float) -> float:
    """Knock at every API, again and again; an event loop that stands still does not answer."""
    until, slowest = monotonic() + seconds, 0.0
    async with httpx.AsyncClient(timeout=2 * PATIENCE_SECONDS) as client:
        while monotonic() < until:
            for address in addresses:
                began = monotonic()
                await client.get(f"{address}/healthz")
                slowest = max(slowest, monotonic() - began)
            await asyncio.sleep(_KNOCK_SECONDS)
    return slowest


async def _verdict(run: Run) -> list[str]:
    """Whoever asks meanwhile is told something, and does not wait for ever."""
    (since,), (until,) = run.history.moments("paused"), run.history.moments("resumed")
    asked = [one for one in run.history.operations if since < one.invoked < until]
    unanswered = [one for one in asked if "why" in one.told]
    run.note(f"{len(asked)} requests during the pause, {len(unanswered)} without an answer")
    if 2 * len(unanswered) > len(asked):
        return [f"{len(unanswered)} of {len(asked)} requests got no answer during the pause"]
    return []


SCENARIO = Scenario(
    name="redis-pause",
    harm="SIGSTOP for 8 s, then SIGCONT",
    expected="bounded errors; no event loop stands still; late scripts are harmless",
    nemesis=_pause,
    verdict=_verdict,
)
