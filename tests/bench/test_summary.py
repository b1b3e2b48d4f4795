import re
from pathlib import Path

import pytest

from bench.run import RESULTS
from bench.summary import PAGE, renewed, told_in


def test_the_page_tells_the_goals_of_the_report_that_it_names() -> None:
    told = told_in(PAGE.read_text())
    found = re.match(r"From \[(?P<name>[^]]+)\]", told)
    assert found is not None
    report = RESULTS / found["name"]
    goals = report.read_text().partition("## Goals")[2].strip().partition("\n\n")[0]
    assert goals in told
    assert "**A check failed" not in report.read_text()
    assert report.with_suffix(".svg").exists()


def test_every_report_has_its_picture() -> None:
    reports = list(RESULTS.glob("*.md"))
    assert reports
    assert all(Path(report).with_suffix(".svg").exists() for report in reports)


def test_only_what_stands_between_the_marks_is_renewed() -> None:
    page = "a\n<!-- last run: begin -->\nold\n<!-- last run: end -->\nb\n"
    new = renewed(page, "new")
    assert new == page.replace("old", "new")
    assert told_in(new) == "new"


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(AssertionError, match="no place"):
        renewed("a", "new")
