"""A failed run tells all there is to know; the page's tables follow from the results file."""

import re
from dataclasses import replace
from pathlib import Path

from tests.faults.mutants import MUTANTS
from tests.faults.report import RELIABILITY, in_full, keep, write_tables
from tests.faults.runner import Outcome
from tests.faults.scenario import Run, Scenario

GOOD = Outcome(
    scenario="power-cut",
    seed=7,
    seconds=31.5,
    operations={"ok": 40, "fail": 9, "unknown": 1},
    faults=2,
    orders={"PAID": 5, "EXPIRED": 1},
    selling_again_seconds=1.25,
    violations=[],
    timeline=["  1.000 s  the lights go out"],
)
BROKEN = replace(
    GOOD, seed=8, selling_again_seconds=4.0, violations=["I1: oversold", "I6: no gate"]
)


async def nothing(_run: Run) -> None: ...


SCENARIOS = {"power-cut": Scenario("power-cut", harm="darkness", expected="light", nemesis=nothing)}


def test_failed_run_tells_seed_timeline_and_violations() -> None:
    told = in_full(BROKEN).splitlines()
    assert told[0].startswith("BROKEN  power-cut  seed 8  32 s  2 faults")
    assert told[1:] == [
        "      1.000 s  the lights go out",
        "  I1: oversold",
        "  I6: no gate",
        "  again: python -m tests.faults run power-cut --seed 8",
    ]


def test_tables_add_up_the_runs_and_leave_the_rest_of_the_page(tmp_path: Path) -> None:
    results, page = tmp_path / "runs.json", tmp_path / "page.md"
    page.write_text(RELIABILITY.read_text())
    keep([GOOD, BROKEN], results)
    write_tables(results, SCENARIOS, page)
    once = page.read_text()
    assert "| `power-cut` | darkness | light | 2 | 100 | 4 | 12 | 2 | 4.0 s |" in once.splitlines()
    assert all(f"| `{name}` |" in once for name in MUTANTS)
    write_tables(results, SCENARIOS, page)
    assert page.read_text() == once
    assert outside_tables(once) == outside_tables(RELIABILITY.read_text())


def outside_tables(page: str) -> list[str]:
    return re.split(r"<!-- tables.*end of the tables -->", page, flags=re.DOTALL)
