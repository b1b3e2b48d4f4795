"""Twenty thousand small sales end with every unit and every payment where it belongs."""

from collections.abc import Iterable

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.run import Simulation
from tests.simulation.stores import Broken

SEEDS = 20_000
BLOCK = 2_500
# Every mutant was caught within 2,000 sales when this was written.
MOST_SEEDS = 10_000


def run_all(simulations: Iterable[Simulation]) -> None:
    for simulation in simulations:
        simulation.run()


@pytest.mark.timeout(300)  # a busy machine
@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_whatever_happens_money_and_units_agree_in_the_end(first: int) -> None:
    for seed in range(first, first + BLOCK):
        simulation = Simulation(seed)
        try:
            simulation.run()
        except Broken as broken:
            story = "\n".join(simulation.story)
            pytest.fail(f"python -m tests.simulation --seed {seed}\n{story}\n{broken}")


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_decision_is_noticed(mutant: str) -> None:
    with pytest.raises(Broken):
        run_all(Simulation(seed, decide=MUTANTS[mutant]) for seed in range(MOST_SEEDS))
