"""A workload of the benchmark, small, from its stores to its report."""

from pathlib import Path

from bench.registry import named
from bench.run import run
from bench.workload import Options
from tests.left_out import needs


@needs("wrk", "wrk")
def test_a_small_run_of_the_hot_list_is_measured_to_its_end(tmp_path: Path) -> None:
    said: list[str] = []
    findings, page = run(
        named(["W1"]),
        Options(peers=False, seconds=1, sockets=200),
        command="flashsale bench W1",
        results=tmp_path,
        tell=said.append,
    )
    # How old an answer may be is for a quiet machine to say.
    failed = [check for check in findings.checks.failed if " ms" not in check.what]
    assert not failed, said
    assert [workload.name for workload, _ in findings.found] == ["W1"]
    assert "## W1: a hot list of deals" in page.read_text()
    assert page.with_suffix(".svg").exists()
