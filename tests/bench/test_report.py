from xml.etree import ElementTree as ET

import pytest

from bench.chart import chart
from bench.figures import Spread
from bench.findings import Findings
from bench.goals import Goal, Target, at_least_times, at_most, ratio
from bench.report import goals_of, panels_of, report
from tests.bench import samples


@pytest.fixture
def findings() -> Findings:
    found = samples.findings(w5=samples.fanout(), w8=samples.memory())
    found.checks.check("W5: all sockets subscribed", "10000 of 10000", holds=True)
    return found


def test_a_report_tells_where_it_was_measured_goals_and_checks(findings: Findings) -> None:
    page = report(findings, chart="a.svg")
    for line in (
        "# Benchmark: 2026-11-24, commit abc123",
        "Of fan-out to sockets, memory per socket.",
        "`flashsale bench`, 1,301 s.",
        "| processors | 2 x Example |",
        "| goal | measured | first goal |  | then |  |",
        (
            "| W5: deliveries per CPU-second beside graphql-ws | 1.41 x (1.25-1.56) "
            "| at least 1.2 x | reached | at least 1.5 x | **not reached** |"
        ),
        "| W5: executions per event | 1 | 1 | reached |  |  |",
        "| W5: all sockets subscribed | holds | 10000 of 10000 |",
        "![The figures of each workload as bars](a.svg)",
        (
            "* W5: Strawberry is told a quarter of the events: "
            "it needs seconds for what others do in one."
        ),
    ):
        assert line in page.splitlines(), line
    assert "A check failed" not in page


def test_a_failed_check_stands_at_the_top(findings: Findings) -> None:
    findings.checks.check("W5: no version ever went backwards", "3", holds=False)
    assert not findings.sound
    page = report(findings)
    assert page.index("**A check failed") < page.index("## Goals")
    assert "| W5: no version ever went backwards | **FAILED** | 3 |" in page


def test_one_check_of_several_turns_is_one_row_and_its_failure_another(findings: Findings) -> None:
    for seen, holds in (("1 of 1", True), ("1 of 1", True), ("2 of 2", True), ("0 of 1", False)):
        findings.checks.check("W5: all came", seen, holds=holds)
    page = report(findings)
    assert "| W5: all came | holds | 1 of 1; 2 of 2 |" in page
    assert "| W5: all came | **FAILED** | 0 of 1 |" in page


def test_nothing_is_said_of_a_workload_that_was_not_measured() -> None:
    found = samples.findings(w8=samples.memory())
    page = report(found)
    assert "W5" not in page
    assert {goal.what[:2] for goal in goals_of(found)} == {"W8"}
    assert [panel.title[:2] for panel in panels_of(found)] == ["W8"]


def test_at_least_so_many_times_goes_by_the_medians() -> None:
    ours, other = Spread.of([90, 100, 130]), Spread.of([40, 50, 52])
    assert ratio(ours, other) == "2.00 x (1.73-3.25)"
    assert at_least_times("W9: x", ours, other, first=2, then=2.01) == Goal(
        "W9: x",
        "2.00 x (1.73-3.25)",
        Target("at least 2 x", met=True),
        Target("at least 2.01 x", met=False),
    )
    assert at_least_times("W9: x", ours, other, then=1).first is None


def test_nothing_for_ours_beside_nothing_for_the_other_is_no_error() -> None:
    nothing = Spread.of([0])
    assert ratio(Spread.of([1]), nothing) == "inf x (inf-inf)"


@pytest.mark.parametrize(
    ("value", "told", "met"),
    [(249.6, "249.6 ms", True), (250, "250.0 ms", True), (250.1, "250.1 ms", False)],
)
def test_at_most_includes_the_bound(value: float, told: str, *, met: bool) -> None:
    goal = at_most("W9: y", value, first=250, unit="ms", digits=1)
    assert goal == Goal("W9: y", told, Target("at most 250 ms", met))


def test_what_was_never_seen_meets_no_bound() -> None:
    goal = at_most("W9: y", None, first=250, unit="ms")
    assert goal == Goal("W9: y", "nothing was seen", Target("at most 250 ms", met=False))


def test_the_picture_is_an_svg_with_a_bar_for_each_server(findings: Findings) -> None:
    svg = "{http://www.w3.org/2000/svg}"
    picture = chart(panels_of(findings), title="A & B")
    root = ET.fromstring(picture)  # noqa: S314 - our own text
    title = root.find(f"{svg}title")
    assert title is not None
    assert title.text == "A & B"
    bars = [rect for rect in root.findall(f"{svg}rect") if rect.get("x")]
    assert len(bars) == 7
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert widths[0] == pytest.approx(10 * widths[2], abs=1)
    words = [text.text for text in root.findall(f"{svg}text")]
    assert words[:3] == ["W5: deliveries per CPU-second (more is better)", "ours", "45,000"]
