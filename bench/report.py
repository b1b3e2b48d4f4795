"""A run's findings as a page that people read: goals first, then figures, then what was checked."""

from typing import Final

from bench.chart import Panel
from bench.findings import Findings
from bench.goals import Goal, Target
from bench.tables import table

CAPTION: Final = "The figures of each workload as bars"
_UNSAID: Final = (
    "Absolute figures do not compare between machines or days: compare ratios inside this run.",
    (
        "CPU time is that of the server process alone, from /proc. It survives a busy machine;"
        " rates, ages and seconds on the clock do not."
    ),
    (
        "Everything runs on one machine over loopback: server, stores, clients and whoever makes"
        " the changes share its processors."
    ),
)


def report(findings: Findings, *, chart: str | None = None) -> str:
    """The whole page; `chart` is the file name of its picture."""
    names = ", ".join(workload.title for workload, _ in findings.found)
    parts = [
        f"# Benchmark: {findings.date}, commit {findings.commit}",
        f"Of {names}." if names else "Nothing was measured.",
        f"`{findings.command}`, {findings.seconds_taken:,.0f} s.",
        table(("machine", ""), findings.machine.items()),
        table(("version", ""), findings.versions.items()),
        "## Goals",
        goals_table(findings),
    ]
    if not findings.sound:
        parts.insert(1, "**A check failed: these figures prove nothing. See the end.**")
    if chart:
        parts.append(f"![{CAPTION}]({chart})")
    for _, found in findings.found:
        for section in found.sections():
            parts += [f"## {section.title}", *section.parts]
    parts += ["## Checks", _checks(findings), "## What the figures do not say", _unsaid(findings)]
    return "\n\n".join(parts) + "\n"


def goals_of(findings: Findings) -> list[Goal]:
    """The goals of all that was measured; nothing is said of the rest."""
    return [goal for _, found in findings.found for goal in found.goals()]


def panels_of(findings: Findings) -> list[Panel]:
    """What there is to be drawn."""
    return [panel for _, found in findings.found for panel in found.panels()]


def goals_table(findings: Findings) -> str:
    """What was wanted, beside what was measured."""
    rows = (
        (goal.what, goal.reached, *_target(goal.first), *_target(goal.then))
        for goal in goals_of(findings)
    )
    return table(("goal", "measured", "first goal", "", "then", ""), rows)


def _target(target: Target | None) -> tuple[str, str]:
    if target is None:
        return "", ""
    return target.wanted, "reached" if target.met else "**not reached**"


def _checks(findings: Findings) -> str:
    """One row for all that a check saw in several turns; a failed one has a row of its own."""
    rows: dict[tuple[str, bool], list[str]] = {}
    for check in findings.checks.all:
        rows.setdefault((check.what, check.holds), []).append(check.seen)
    return table(
        ("check", "", "seen"),
        (
            (what, "holds" if holds else "**FAILED**", "; ".join(dict.fromkeys(seen)))
            for (what, holds), seen in rows.items()
        ),
    )


def _unsaid(findings: Findings) -> str:
    told = [f"* {words}" for words in _UNSAID]
    for workload, _ in findings.found:
        told += [f"* {workload.name}: {words}" for words in workload.unsaid]
    return "\n".join(told)
