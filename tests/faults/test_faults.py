"""Every scenario keeps every promise, and every mutant is caught: `make faults`."""

from collections.abc import Iterator

import pytest
import uvloop

from tests.faults import catalogue
from tests.faults.mutants import MUTANTS
from tests.faults.report import in_full, keep
from tests.faults.runner import Outcome, run_scenario
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


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    shared = Workshop()
    uvloop.run(shared.open())
    yield shared
    shared.close()


# Not async: each run has an event loop of its own, which its proxies need to themselves.
@pytest.mark.parametrize("name", catalogue.names())
def test_every_promise_is_kept(name: str, workshop: Workshop, outcomes: list[Outcome]) -> None:
    scenario = catalogue.scenario(name)
    outcome = uvloop.run(run_scenario(scenario, workshop, seed=SEED, seconds=SALE_SECONDS))
    outcomes.append(outcome)
    assert outcome.good, in_full(outcome)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, workshop: Workshop) -> None:
    mutant = MUTANTS[name]
    scenario = catalogue.scenario(mutant.scenario)
    launch = {"FAULTS_MUTANT": name, **mutant.launch}
    outcome = uvloop.run(
        run_scenario(scenario, workshop, seed=mutant.seed, seconds=SALE_SECONDS, launch=launch)
    )
    # A machine too slow to sell again in time has noticed nothing.
    assert mutant.noticed(outcome.violations), (
        f"{mutant.wrong}, and nobody noticed\n{in_full(outcome)}"
    )
