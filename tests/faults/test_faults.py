"""Every scenario keeps every promise, and every mutant is caught: `make faults`."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults import catalogue
from tests.faults.environment import ROOT
from tests.faults.mutants import MUTANTS
from tests.faults.report import in_full, keep
from tests.faults.runner import Outcome

SEED = 1
SALE_SECONDS = 8
# A sale waits more than it works: two of them fill two cores.
AT_ONCE = 2

# A run has limits of its own everywhere; this one is for a harness that hangs.
pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


# What says nothing of the product: a sale that could not be opened, a machine that was too slow.
SLOWNESS = ("HARNESS:", "I14:")


class Runs:
    """Runs of `python -m tests.faults run`, some at once, in the order of the tests.

    A run that shows nothing but a slow machine is repeated once, with the same seed; so is one in
    which a mutant had no occasion to do harm, with the next seed.
    """

    def __init__(self, folder: Path, names: list[str], mutants: list[str]) -> None:
        self._folder = folder
        self._started: list[subprocess.Popen[str]] = []
        self._turns = ThreadPoolExecutor(AT_ONCE)
        self.of_scenarios = {name: self._submit(name, SEED) for name in names}
        self.of_mutants = {
            name: self._submit(MUTANTS[name].scenario, MUTANTS[name].seed, mutant=name)
            for name in mutants
        }

    def close(self) -> None:
        """End what is still running; each run ends what it has started."""
        self._turns.shutdown(wait=False, cancel_futures=True)
        for run in self._started:
            run.terminate()
        for run in self._started:
            run.wait()

    def done(self) -> list[Outcome]:
        """What came of the scenarios that were run."""
        return [run.result() for run in self.of_scenarios.values() if _succeeded(run)]

    def _submit(self, scenario: str, seed: int, *, mutant: str = "") -> Future[Outcome]:
        return self._turns.submit(self._run_at_most_twice, scenario, seed, mutant)

    def _run_at_most_twice(self, scenario: str, seed: int, mutant: str) -> Outcome:
        outcome = self._run(scenario, seed, mutant)
        if mutant:
            noticed = MUTANTS[mutant].noticed(outcome.violations)
            return outcome if noticed else self._run(scenario, seed + 1, mutant)
        slow = outcome.violations and all(one.startswith(SLOWNESS) for one in outcome.violations)
        return self._run(scenario, seed, mutant) if slow else outcome

    def _run(self, scenario: str, seed: int, mutant: str) -> Outcome:
        results = self._folder / f"{scenario}-{mutant}.json"
        words = [scenario, f"--seed={seed}", f"--seconds={SALE_SECONDS}", f"--results={results}"]
        run = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [sys.executable, "-m", "tests.faults", "run", *words, f"--mutant={mutant}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(run)
        told, _ = run.communicate()
        assert results.exists(), told
        (outcome,) = json.loads(results.read_text())["runs"]
        return Outcome(**outcome)


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    """All runs that were asked for; what came of them is left where the report looks for it."""
    asked = [_parameters(item) for item in request.session.items]
    started = Runs(
        tmp_path_factory.mktemp("faults"),
        [one["scenario"] for one in asked if "scenario" in one],
        [one["mutant"] for one in asked if "mutant" in one],
    )
    try:
        yield started
        keep(started.done())
    finally:
        started.close()


@pytest.mark.parametrize("scenario", catalogue.names())
def test_every_promise_is_kept(scenario: str, runs: Runs) -> None:
    outcome = runs.of_scenarios[scenario].result()
    assert outcome.good, in_full(outcome)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(mutant: str, runs: Runs) -> None:
    outcome = runs.of_mutants[mutant].result()
    # A machine too slow to sell again in time has noticed nothing.
    assert MUTANTS[mutant].noticed(outcome.violations), (
        f"{MUTANTS[mutant].wrong}, and nobody noticed\n{in_full(outcome)}"
    )


def _parameters(item: pytest.Item) -> Mapping[str, str]:
    """Of a test of this file; of any other: none."""
    if not isinstance(item, pytest.Function) or item.path != Path(__file__):
        return {}
    return {name: str(value) for name, value in item.callspec.params.items()}


def _succeeded(run: "Future[Outcome]") -> bool:
    return run.done() and not run.cancelled() and run.exception() is None
