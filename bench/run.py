"""One run of `flashsale bench`: measure, check, write the report."""

import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.chart import chart
from bench.contenders import install_peers, require_node
from bench.findings import Findings
from bench.machine import commit, machine, versions
from bench.programs import require
from bench.registry import WORKLOADS
from bench.report import panels_of, report
from bench.stage import SPARE_FILES, Stage, allow_files, open_stage
from bench.summary import PAGE, renewed, summary
from bench.workload import Options, Workload
from runtime.problems import CannotStart

RESULTS: Final = Path(__file__).parent / "results"
# Open for every workload, each of a product of its own.
_DEALS: Final = 20


def run(
    workloads: Sequence[Workload],
    options: Options,
    *,
    command: str,
    results: Path,
    tell: Callable[[str], None],
) -> tuple[Findings, Path]:
    """Measure the workloads and write what came of it; the findings, and the report's file.

    A workload that breaks is a failed check, and the others are measured. A sound run of
    everything into the usual folder also renews docs/performance.md.

    Raises:
        CannotStart: something that is needed is missing.
    """
    programs = _require(workloads, options)
    began = time.monotonic()
    findings = Findings(
        machine=machine(),
        versions=versions(programs, peers=options.peers),
        command=command,
        commit=commit(),
        date=datetime.now(UTC).date().isoformat(),
    )
    if options.peers:
        tell("installing the peers")
        install_peers()
    with open_stage(deals=_DEALS, tell=tell) as stage:
        for number, workload in enumerate(workloads, 1):
            tell(f"{workload.name} ({number} of {len(workloads)}): {workload.title}")
            _measure(workload, stage, options, findings)
    findings.seconds_taken = time.monotonic() - began
    page = _write(findings, results)
    whole = [workload for workload, _ in findings.found] == list(WORKLOADS)
    if results == RESULTS and findings.sound and whole and options.peers:
        PAGE.write_text(renewed(PAGE.read_text(), summary(findings, page.name)))
    return findings, page


def _require(workloads: Sequence[Workload], options: Options) -> list[str]:
    """The programs that will be run; all of them are there."""
    if options.peers:
        require_node()
    programs = [
        program
        for workload in workloads
        for program in (*workload.needs, *(workload.peers_need if options.peers else ()))
    ]
    require(programs)
    if (most := allow_files()) < options.sockets + SPARE_FILES:
        raise CannotStart(
            f"A process may have {most} files open, which is too few for {options.sockets} sockets:"
            " raise it with ulimit -n, or ask for fewer with --sockets."
        )
    return programs


def _measure(workload: Workload, stage: Stage, options: Options, findings: Findings) -> None:
    try:
        found = workload.measure(stage, options, findings.checks)
    except Exception as error:  # noqa: BLE001 - half an hour of others' figures is at stake
        stage.tell(traceback.format_exc())
        findings.checks.check(
            f"{workload.name}: measured to the end", " ".join(repr(error).split()), holds=False
        )
    else:
        findings.found.append((workload, found))


def _write(findings: Findings, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{findings.date}-{findings.commit}.md"
    picture = page.with_suffix(".svg")
    panels = panels_of(findings)
    title = f"Benchmark of {findings.date}, commit {findings.commit}"
    picture.write_text(chart(panels, title=title))
    page.write_text(report(findings, chart=picture.name if panels else None))
    return page
