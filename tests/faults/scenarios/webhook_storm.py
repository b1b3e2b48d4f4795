"""Events come five times, shuffled, long after the fact, or never."""

import asyncio

from tests.faults.promise_checks import frozen_holds_kept
from tests.faults.provider import Provider
from tests.faults.scenario import Run, Scenario

_STORM_SECONDS = 8.0
# An order here has six seconds to be paid: later than that is "hours late".
_HOURS_MS = 7_000


async def _storm(run: Run) -> None:
    async with Provider(run.stack.where) as provider:
        await provider.fault(
            duplicate_events=4, shuffle_events_ms=3_000, drop_events=0.1, seed=run.seed
        )
        run.harmed("each event comes five times, shuffled; one in ten never")
        await asyncio.sleep(_STORM_SECONDS)
        await provider.fault(delay_events_ms=_HOURS_MS)
        run.harmed("and now later than any order may be paid")
        await asyncio.sleep(_STORM_SECONDS / 2)
        await provider.heal()
        run.note("the storm is over; what is late is still to come")


async def _verdict(run: Run) -> list[str]:
    """There was a storm: copies came, and some events never did."""
    async with Provider(run.stack.where) as provider:
        books = await provider.books()
    delivered = [row for row in books["deliveries"] if row["state"] == "delivered"]
    different = {row["event_id"] for row in delivered}
    run.note(f"{len(delivered)} deliveries of {len(different)} events")
    lines = frozen_holds_kept(run.history)
    if len(delivered) < 2 * len(different):
        lines.append("HARNESS: there was no storm")
    return lines


SCENARIO = Scenario(
    name="webhook-storm",
    harm="each event five times, shuffled, some after every deadline, one in ten never",
    expected="the same end as in order; the poller finds the lost ones",
    nemesis=_storm,
    verdict=_verdict,
)
