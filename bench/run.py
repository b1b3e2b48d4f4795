"""One run of `flashsale bench`: measure, check, write the report."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.chart import chart, panels_of
from bench.contenders import install_peers, require_node
from bench.fanout import CONFLATED_DEALS, measure_conflated, measure_fanout
from bench.findings import Findings
from bench.machine import commit, machine, versions
from bench.memory import STALL_SECONDS, measure_memory
from bench.report import report
from bench.stage import SPARE_FILES, allow_files, open_stage
from bench.summary import PAGE, renewed, summary
from runtime.problems import CannotStart

WORKLOADS: Final = ("W5", "W8")
RESULTS: Final = Path(__file__).parent / "results"


def run(
    workloads: Sequence[str],
    *,
    command: str,
    peers: bool,
    seconds: float,
    sockets: int,
    results: Path,
    tell: Callable[[str], None],
) -> tuple[Findings, Path]:
    """Measure the workloads and write what came of it; the findings, and the report's file.

    A sound run of everything into the usual folder also renews docs/performance.md.

    Raises:
        CannotStart: something that is needed is missing.
    """
    if peers:
        require_node()
    if (most := allow_files()) < sockets + SPARE_FILES:
        raise CannotStart(
            f"A process may have {most} files open, which is too few for {sockets} sockets:"
            " raise it with ulimit -n, or ask for fewer with --sockets."
        )
    began = time.monotonic()
    findings = Findings(
        machine=machine(),
        versions=versions(peers=peers),
        command=command,
        commit=commit(),
        date=datetime.now(UTC).date().isoformat(),
    )
    if peers:
        tell("installing the peers")
        install_peers()
    with open_stage(deals=CONFLATED_DEALS, tell=tell) as stage:
        if "W5" in workloads:
            measure_fanout(stage, findings, peers=peers, seconds=seconds)
            measure_conflated(stage, findings, sockets=sockets, seconds=2 * seconds)
        if "W8" in workloads:
            measure_memory(
                stage, findings, peers=peers, sockets=sockets, stall_seconds=STALL_SECONDS
            )
    findings.seconds_taken = time.monotonic() - began
    page = _write(findings, results)
    if results == RESULTS and findings.sound and set(workloads) == set(WORKLOADS) and peers:
        PAGE.write_text(renewed(PAGE.read_text(), summary(findings, page.name)))
    return findings, page


def _write(findings: Findings, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{findings.date}-{findings.commit}.md"
    picture = page.with_suffix(".svg")
    if panels_of(findings):
        picture.write_text(chart(findings))
    page.write_text(report(findings, chart=picture.name))
    return page
