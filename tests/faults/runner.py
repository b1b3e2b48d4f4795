"""One run of a scenario: start, sell, harm, heal, settle, check."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Final

from tests.faults.buyers import Crowd
from tests.faults.checker import check
from tests.faults.evidence import Evidence, collect
from tests.faults.history import History
from tests.faults.opening import Sale, open_sale
from tests.faults.programs import ProgramFailed
from tests.faults.promise_checks import SELLING_SECONDS
from tests.faults.scenario import Run, Scenario
from tests.faults.settling import settle
from tests.faults.stack import Stack
from tests.faults.stores import Workshop

KEPT: Final = Path(__file__).parent / "results"
# The crowd has placed its first orders before anything is harmed.
_FIRST_ORDERS: Final = 5
_FIRST_ORDERS_SECONDS: Final = 60.0
# A lease that ran out and a claim without an order take half a minute each to be given up.
_SETTLING_SECONDS: Final = 75.0
_NEMESIS_SECONDS: Final = 90.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run; it is good when there is no violation."""

    scenario: str
    seed: int
    seconds: float
    operations: dict[str, int]
    faults: int
    orders: dict[str, int]
    selling_again_seconds: float | None
    violations: list[str]
    timeline: list[str] = field(repr=False)

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations


async def run_scenario(
    scenario: Scenario,
    workshop: Workshop,
    *,
    seed: int,
    seconds: float,
    launch: Mapping[str, str] | None = None,
) -> Outcome:
    """Run it once; the crowd shops for about `seconds`. The same seed does the same harm.

    `launch` are further FAULTS_ variables (launch.py), such as the name of a mutant.
    """
    shape = replace(scenario.shape, launch={**scenario.shape.launch, **(launch or {})})
    harmed = replace(scenario, shape=shape)
    try:
        return await _run(harmed, workshop, seed=seed, seconds=seconds)
    except (ProgramFailed, TimeoutError) as error:
        # The other scenarios are run all the same.
        lines = [f"HARNESS: the sale could not be opened: {error!r}"]
        return Outcome(scenario.name, seed, 0.0, {}, 0, {}, None, lines, [])


async def _run(scenario: Scenario, workshop: Workshop, *, seed: int, seconds: float) -> Outcome:
    began = monotonic()
    shape = scenario.shape
    async with Stack(workshop, scenario.name, shape) as stack:
        sale = await open_sale(stack.where.database_url, stack.api_addresses()[0], shape)
        history = History()
        crowd = Crowd(
            sale=sale,
            history=history,
            seed=seed,
            apis=stack.api_addresses,
            provider=lambda: stack.where.sandbox,
        )
        run = Run(
            seed=seed,
            seconds=seconds,
            stack=stack,
            crowd=crowd,
            history=history,
            random=random.Random(f"{seed} {scenario.name}"),  # noqa: S311 - lots, not secrets
        )
        selling_again, violations = await _sell(run, scenario)
        if scenario.afterwards is not None:
            await scenario.afterwards(run)
        found = await _end(run, sale)
        violations += run.broken + check(found)
        if scenario.verdict is not None:
            violations += await scenario.verdict(run)
        if violations:
            kept = KEPT / f"{scenario.name}-{seed}"
            stack.keep(kept)
            history.write(kept / "history.jsonl")
            run.note(f"logs and history: {kept}")
    return Outcome(
        scenario=scenario.name,
        seed=seed,
        seconds=round(monotonic() - began, 1),
        operations=history.counts(),
        faults=run.faults,
        orders=_orders(found),
        selling_again_seconds=None if selling_again is None else round(selling_again, 2),
        violations=violations,
        timeline=run.timeline,
    )


async def _sell(run: Run, scenario: Scenario) -> tuple[float | None, list[str]]:
    """Open the shop, do the harm, and see the sale go on; seconds until it did."""
    violations: list[str] = []
    run.crowd.open()
    if not await _first_orders(run):
        violations.append(f"nobody could buy before any harm was done: {run.history.counts()}")
    opened = monotonic()
    run.note("the crowd shops")
    try:
        async with asyncio.timeout(_NEMESIS_SECONDS + run.seconds):
            await scenario.nemesis(run)
    except TimeoutError:
        violations.append(f"HARNESS: the nemesis was not done after {_NEMESIS_SECONDS:.0f} s")
    except Exception as error:  # noqa: BLE001 - the other scenarios are run all the same
        violations.append(f"HARNESS: the nemesis failed: {error!r}")
    run.stack.heal()
    healed = run.history.mark("healed")
    run.note("healed")
    selling_again = await run.crowd.until_selling(healed, within=SELLING_SECONDS)
    run.note(f"selling again: {selling_again}")
    await asyncio.sleep(max(0.0, run.seconds - (monotonic() - opened)))
    await run.crowd.close()
    run.note("the shop is closed")
    violations += [
        f"HARNESS: {program.name} has ended with {program.exit_code}: {program.last_words(3)}"
        for program in run.stack.unexpected_ends()
    ]
    return selling_again, violations


async def _end(run: Run, sale: Sale) -> Evidence:
    """Wait until all is quiet, then look at everything once."""
    stuck = await settle(run.stack.where, sale, within=_SETTLING_SECONDS)
    for line in stuck:
        run.note(f"stuck: {line}")
    run.note("settled" if not stuck else "given up waiting")
    return await collect(run.stack.where, sale, run.history)


async def _first_orders(run: Run) -> bool:
    """Wait until some orders were placed; whether that was so in time."""
    limit = monotonic() + _FIRST_ORDERS_SECONDS
    while sum(one.outcome == "ok" for one in run.history.of("place")) < _FIRST_ORDERS:
        if monotonic() > limit:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True


def _orders(found: Evidence) -> dict[str, int]:
    counted: dict[str, int] = {}
    for order in found.orders:
        counted[order["status"]] = counted.get(order["status"], 0) + 1
    return counted
