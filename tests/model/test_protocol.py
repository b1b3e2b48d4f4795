"""The protocol holds within its bounds, and each of its rules is needed."""

import sys

import pytest

from tests.model.world import RULES
from tests.model.worlds import CATCHES, WORLDS, search


@pytest.mark.timeout(300)  # a busy machine
@pytest.mark.parametrize("name", WORLDS)
def test_nothing_breaks_however_the_steps_are_interleaved(name: str) -> None:
    found = search(WORLDS[name])
    sys.stdout.write(f"{name}: {found.states:,} states, {found.depth} steps deep\n")
    assert not found.broken, "\n".join((found.broken, *found.trace))
    assert found.complete


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_something_breaks(rule: str) -> None:
    found = search(WORLDS[CATCHES[rule]].leaving_out(rule))
    sys.stdout.write(f"without {rule}: {len(found.trace)} steps: {found.broken}\n")
    assert found.broken, f"nobody misses {rule}: {RULES[rule]}"
