"""The last figures in docs/performance.md: the goals of the report that it names."""

from pathlib import Path
from typing import Final

from bench.findings import Findings
from bench.report import CAPTION, goals_table

PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
_BEGIN: Final = "<!-- last run: begin -->"
_END: Final = "<!-- last run: end -->"


def summary(findings: Findings, report_name: str) -> str:
    """What stands between the two marks."""
    picture = Path(report_name).with_suffix(".svg").name
    return (
        f"From [{report_name}](../bench/results/{report_name}), "
        f"{findings.machine['processors']}, load {findings.machine['load before the run']}:\n\n"
        f"{goals_table(findings)}\n\n"
        f"![{CAPTION}](../bench/results/{picture})"
    )


def renewed(page: str, told: str) -> str:
    """The page with this between the marks."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert begin, "the page has no place for the last run"
    assert end, "the page's place for the last run has no end"
    return f"{before}{begin}\n{told}\n{end}{after}"


def told_in(page: str) -> str:
    """What stands between the marks of a page."""
    return page.partition(_BEGIN)[2].partition(_END)[0].strip()
