"""Every scenario keeps every promise, and every mutant is caught: `make faults`."""

from collections.abc import Iterator

import pytest
import uvloop

from tests.faults.catalogue import all_scenarios
from tests.faults.mutants import MUTANTS
from tests.faults.report import in_full, keep
from tests.faults.runner import Outcome, run_scenario
from tests.faults.scenario import Scenario
from tests.faults.stores import Workshop

SEED = 1
SALE_SECONDS = 8.0

# A run has limits of its own everywhere; this one is for a harness that hangs.
pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    """What came of all scenarios; written where the report looks for it."""
    collected: list[Outcome] = []
    yield collected
    keep(collected)


# Not async: each run has an event loop of its own, which its proxies need to themselves.
@pytest.mark.parametrize("scenario", all_scenarios().values(), ids=lambda one: one.name)
def test_every_promise_is_kept(scenario: Scenario, outcomes: list[Outcome]) -> None:
    outcome = uvloop.run(_run(scenario, {}))
    outcomes.append(outcome)
    assert outcome.good, in_full(outcome)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    scenario = all_scenarios()[mutant.scenario]
    launch = {"FAULTS_MUTANT": name, **mutant.launch}
    outcome = uvloop.run(_run(scenario, launch, seed=mutant.seed))
    assert not outcome.good, f"{mutant.wrong}, and nobody noticed\n{in_full(outcome)}"


async def _run(scenario: Scenario, launch: dict[str, str], *, seed: int = SEED) -> Outcome:
    async with Workshop() as workshop:
        return await run_scenario(
            scenario, workshop, seed=seed, seconds=SALE_SECONDS, launch=launch
        )
