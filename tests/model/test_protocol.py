"""The protocol holds within its bounds, and each of its rules is needed."""

import sys
from pathlib import Path

import pytest

from tests.model.world import RULES
from tests.model.worlds import CATCHES, WORLDS, search

DOCUMENT = Path(__file__).parents[2] / "docs" / "model.md"


@pytest.mark.timeout(300)  # a busy machine
@pytest.mark.parametrize("name", WORLDS)
def test_nothing_breaks_however_the_steps_are_interleaved(name: str) -> None:
    found = search(WORLDS[name])
    sys.stdout.write(f"{name}: {found.states:,} states, {found.depth} steps deep\n")
    assert not found.broken, "\n".join((found.broken, *found.trace))
    assert found.complete
    assert _documented(name).endswith(f"| {found.states:,} | {found.depth} |")


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_something_breaks(rule: str) -> None:
    found = search(WORLDS[CATCHES[rule]].leaving_out(rule))
    sys.stdout.write(f"without {rule}: {len(found.trace)} steps: {found.broken}\n")
    assert found.broken, f"nobody misses {rule}: {RULES[rule]}"
    assert f" | {len(found.trace)} | " in _documented(f"`{rule}`")


def _documented(name: str) -> str:
    """The row of docs/model.md that tells what was found."""
    rows = DOCUMENT.read_text("utf-8").splitlines()
    return [row for row in rows if row.startswith(f"| {name} |")][-1]
