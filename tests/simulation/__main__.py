"""python -m tests.simulation: simulate sales over the real `decide`, and print what breaks."""

import argparse
import sys
from time import monotonic

from orders.decision import decide
from tests.simulation.mutants import MUTANTS
from tests.simulation.run import Simulation
from tests.simulation.stores import Broken


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    reader.add_argument("--seed", type=int, help="tell the whole story of one sale")
    reader.add_argument("--seeds", type=int, default=20_000, help="how many sales")
    reader.add_argument("--mutant", choices=sorted(MUTANTS), help="with a wrong `decide`")
    asked = reader.parse_args()
    decision = MUTANTS[asked.mutant] if asked.mutant else decide
    seeds = range(asked.seeds) if asked.seed is None else [asked.seed]
    started = monotonic()
    for seed in seeds:
        simulation = Simulation(seed, decide=decision)
        broken = ""
        try:
            simulation.run()
        except Broken as promise:
            broken = f"seed {seed}: {promise}"
        if broken or asked.seed is not None:
            sys.stdout.write("\n".join([*simulation.story, broken or "nothing is broken", ""]))
        if broken:
            return 1
    sys.stdout.write(f"{len(seeds):,} sales, nothing broken, {monotonic() - started:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
