"""python -m tests.model: explore the protocol within small bounds, and print what is found."""

import argparse
import sys

from tests.model.search import Exploration
from tests.model.world import RULES
from tests.model.worlds import CATCHES, MOST_STATES, WORLDS, search


def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    reader.add_argument("--bounds", choices=sorted(WORLDS), help="explore one world only")
    reader.add_argument("--without", choices=sorted(RULES), help="leave out a rule")
    reader.add_argument("--rules", action="store_true", help="leave out each rule in turn")
    reader.add_argument("--most-states", type=int, default=MOST_STATES)
    asked = reader.parse_args()
    if asked.rules:
        for rule in RULES:
            _show(CATCHES[rule], rule, asked.most_states)
        return
    without = asked.without or ""
    names = [asked.bounds] if asked.bounds else [CATCHES[without]] if without else list(WORLDS)
    for name in names:
        _show(name, without, asked.most_states)


def _show(name: str, without: str, most_states: int) -> None:
    world = WORLDS[name]
    if without:
        world = world.leaving_out(without)
    found = search(world, most_states=most_states)
    _say(f"{name}{f' without {without} ({RULES[without]})' if without else ''}:")
    _say(f"  {_sum_up(found)}")
    for number, label in enumerate(found.trace, start=1):
        _say(f"  {number:>3}. {label}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _sum_up(found: Exploration) -> str:
    counted = f"{found.states:,} states, {found.depth} steps deep, {found.seconds:.1f} s"
    if found.broken:
        return f"BROKEN in {len(found.trace)} steps: {found.broken} ({counted})"
    return f"nothing broken, {'complete' if found.complete else 'CUT OFF'}: {counted}"


if __name__ == "__main__":
    main()
