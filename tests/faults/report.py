"""Tells of runs: a line while they happen, all there is to know of a failed one, a table of all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.faults.environment import ROOT
from tests.faults.mutants import MUTANTS
from tests.faults.runner import KEPT, Outcome
from tests.faults.scenario import Scenario

RESULTS: Final = KEPT / "last.json"
RELIABILITY: Final = ROOT / "docs" / "reliability.md"
_BEGIN: Final = "<!-- tables, written by python -m tests.faults report -->"
_END: Final = "<!-- end of the tables -->"
_RUNS: Final = (
    "| scenario | harm | expected | runs | operations | faults | orders | broken | selling again |",
    "|---|---|---|---:|---:|---:|---:|---:|---:|",
)
_MUTANTS: Final = (
    "| mutant | what is wrong with it | caught by |",
    "|---|---|---|",
)


def one_line(outcome: Outcome) -> str:
    """A run in a line."""
    word = "kept" if outcome.good else "BROKEN"
    told = ", ".join(f"{count} {name}" for name, count in sorted(outcome.operations.items()))
    orders = ", ".join(f"{count} {status}" for status, count in sorted(outcome.orders.items()))
    again = outcome.selling_again_seconds
    return (
        f"{word:6}  {outcome.scenario}  seed {outcome.seed}  {outcome.seconds:.0f} s  "
        f"{outcome.faults} faults  operations: {told}  orders: {orders}  "
        f"selling again: {'-' if again is None else f'{again:.1f} s'}"
    )


def in_full(outcome: Outcome) -> str:
    """The timeline and the violations of a run, and how to repeat it."""
    return "\n".join(
        [
            one_line(outcome),
            *(f"    {line}" for line in outcome.timeline),
            *(f"  {line}" for line in outcome.violations),
            f"  again: python -m tests.faults run {outcome.scenario} --seed {outcome.seed}",
        ]
    )


def keep(outcomes: Sequence[Outcome], path: Path = RESULTS) -> None:
    """Write the runs to a file that `table` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    runs = [asdict(outcome) for outcome in outcomes]
    path.write_text(json.dumps({"runs": runs}, indent=1) + "\n", encoding="utf-8")


def write_tables(
    results: Path, scenarios: Mapping[str, Scenario], page: Path = RELIABILITY
) -> None:
    """Put the tables of a results file into a page, between its two marks."""
    runs = json.loads(results.read_text(encoding="utf-8"))["runs"]
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    tables = "\n\n".join((table_of_runs(runs, scenarios), table_of_mutants()))
    page.write_text(f"{before}{_BEGIN}\n\n{tables}\n\n{_END}{after}", encoding="utf-8")


def table_of_runs(runs: Sequence[Mapping[str, Any]], scenarios: Mapping[str, Scenario]) -> str:
    """Runs of `keep`, a row for each scenario, in Markdown."""
    rows = list(_RUNS)
    for name in sorted({run["scenario"] for run in runs}):
        ours = [run for run in runs if run["scenario"] == name]
        again = [
            run["selling_again_seconds"] for run in ours if run["selling_again_seconds"] is not None
        ]
        rows.append(
            _row(
                f"`{name}`",
                scenarios[name].harm,
                scenarios[name].expected,
                len(ours),
                sum(sum(run["operations"].values()) for run in ours),
                sum(run["faults"] for run in ours),
                sum(sum(run["orders"].values()) for run in ours),
                sum(len(run["violations"]) for run in ours),
                f"{max(again):.1f} s" if again else "-",
            )
        )
    return "\n".join(rows)


def table_of_mutants() -> str:
    """What `make faults` takes out of the product, one after the other, and who has to notice."""
    rows = [_row(f"`{one.name}`", one.wrong, f"`{one.scenario}`") for one in MUTANTS.values()]
    return "\n".join((*_MUTANTS, *rows))


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
