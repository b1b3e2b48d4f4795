from xml.etree import ElementTree as ET

import pytest

from bench.chart import chart
from bench.findings import Conflated, Fanout, Findings, Memory, Resting, Stalled, Turn
from bench.goals import goals_of
from bench.report import report


@pytest.fixture
def findings() -> Findings:
    found = Findings(
        machine={"processors": "2 x Example"},
        versions={"Python": "3.11.7"},
        command="flashsale bench W5 W8",
        commit="abc123",
        date="2026-11-24",
        seconds_taken=301.2,
    )
    found.fanout = Fanout(
        sockets=1_000,
        per_second=10,
        turns={
            "ours": [Turn(80_000, 2.0, 8), Turn(80_000, 1.6, 8)],
            "graphql-ws": [Turn(80_000, 2.5, 8), Turn(80_000, 2.5, 8)],
            "Strawberry": [Turn(20_000, 4.0, 8), Turn(20_000, 5.0, 8)],
            "raw": [Turn(80_000, 1.0, 8), Turn(80_000, 1.0, 8)],
        },
        executions_per_event=1.0,
    )
    found.conflated = Conflated(
        sockets=10_000, deals=20, wanted_per_second=1_000, changes=16_000, seconds=16.0,
        deliveries=600_000, cpu_seconds=12.0, crowd_cpu_seconds=8.0, correct=10_000, backwards=0,
        age_p50_ms=121.4, age_p99_ms=301.0, final_seconds=0.05,
    )  # fmt: skip
    found.memory = Memory(
        resting={
            "ours": Resting(10_000, 100_000, 145_000, 200_000, 5.0, 4.0),
            "graphql-ws": Resting(10_000, 60_000, 300_000, 560_000, 5.0, 4.0),
            "Strawberry": Resting(10_000, 60_000, 360_000, 660_000, 30.0, 25.0),
        },
        stalled=Stalled(100, 20.0, 200_000, 200_300, 9_900, 9_900),
        after_cut_kib=[150_000, 151_000, 151_100],
    )
    found.check("W5: all sockets subscribed", "10000 of 10000", holds=True)
    return found


def test_a_report_tells_goals_figures_and_checks(findings: Findings) -> None:
    page = report(findings, chart="a.svg")
    for line in (
        "# Fan-out and memory: 2026-11-24, commit abc123",
        "`flashsale bench W5 W8`, 301 s.",
        "| processors | 2 x Example |",
        (
            "| W5: deliveries per CPU-second beside Strawberry | at least 8 x "
            "| 10.00 x (8.00-12.50) | reached |"
        ),
        (
            "| W5: deliveries per CPU-second beside graphql-ws | at least 1.5 x "
            "| 1.41 x (1.25-1.56) | **not reached** |"
        ),
        "| W5: executions per event | 1 | 1 | reached |",
        "| W5: changes a second | 1,000 | 1,000 | reached |",
        "| W5: p99 age of a value at 10,000 sockets | under 300 ms | 301 ms | **not reached** |",
        "| W8: memory per idle socket beside Strawberry | at most 0.33 x | 0.17 x | reached |",
        (
            "| W8: memory per idle socket, 10,000 of them | at most 10 KB | 11.3 KB "
            "| **not reached** |"
        ),
        "| ours | 45,000 (40,000-50,000) | 22.5 (20.0-25.0) | 1.00 | 160,000 |",
        "| Strawberry | 4,500 (4,000-5,000) | 225.0 (200.0-250.0) | 10.00 | 40,000 |",
        "| sockets with the final version and counters | 10,000 of 10,000 |",
        "| ours | 10,000 | 10.0 | 11.0 | 1.00 | 400 |",
        "| graphql-ws | 10,000 | 50.0 | 52.0 | 0.20 | 400 |",
        "After all sockets were cut off, 3 times over: 150,000, 151,000, 151,100 KiB.",
        "| W5: all sockets subscribed | holds | 10000 of 10000 |",
        "![Deliveries per CPU-second, and memory per idle socket](a.svg)",
    ):
        assert line in page.splitlines(), line
    assert "A check failed" not in page


def test_a_failed_check_stands_at_the_top(findings: Findings) -> None:
    findings.check("W5: no version ever went backwards", "3", holds=False)
    assert not findings.sound
    page = report(findings)
    assert page.index("**A check failed") < page.index("## Goals")
    assert "| W5: no version ever went backwards | **FAILED** | 3 |" in page


def test_one_check_of_several_turns_is_one_row_and_its_failure_another(findings: Findings) -> None:
    for seen, holds in (("1 of 1", True), ("1 of 1", True), ("2 of 2", True), ("0 of 1", False)):
        findings.check("W5: all came", seen, holds=holds)
    page = report(findings)
    assert "| W5: all came | holds | 1 of 1; 2 of 2 |" in page
    assert "| W5: all came | **FAILED** | 0 of 1 |" in page


def test_nothing_is_said_of_what_was_not_measured(findings: Findings) -> None:
    findings.conflated = findings.memory = None
    assert findings.fanout is not None
    del findings.fanout.turns["graphql-ws"]
    del findings.fanout.turns["Strawberry"]
    assert [goal.what for goal in goals_of(findings)] == ["W5: executions per event"]
    assert "## W8" not in report(findings)


@pytest.mark.parametrize("executions", [0.0, 0.5, 1.01, 1_000.0])
def test_an_event_that_is_executed_otherwise_than_once_misses_the_goal(
    findings: Findings, executions: float
) -> None:
    assert findings.fanout is not None
    findings.fanout.executions_per_event = executions
    (goal,) = [goal for goal in goals_of(findings) if "executions" in goal.what]
    assert not goal.met


def test_the_picture_is_an_svg_with_a_bar_for_each_server(findings: Findings) -> None:
    svg = "{http://www.w3.org/2000/svg}"
    root = ET.fromstring(chart(findings))  # noqa: S314 - our own text
    bars = [rect for rect in root.findall(f"{svg}rect") if rect.get("x")]
    assert len(bars) == 7
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert widths[0] == pytest.approx(10 * widths[2], abs=1)
    words = [text.text for text in root.findall(f"{svg}text")]
    assert words[:3] == ["W5: deliveries per CPU-second (more is better)", "ours", "45,000"]
