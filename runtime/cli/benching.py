"""`flashsale bench`: ours and others measured in one run, from a source tree."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.problems import CannotStart

commands = typer.Typer()

_MOST_SECONDS = 600
_FEWEST_SOCKETS = 200
_MOST_SOCKETS = 28_000  # the ports that a source address has by default


@commands.command()
def bench(
    workloads: Annotated[
        list[str] | None, typer.Argument(help="W1 to W8, see docs/performance.md; else all.")
    ] = None,
    *,
    peers: Annotated[bool, typer.Option(help="Measure the others in the same run, too.")] = True,
    seconds: Annotated[
        int, typer.Option(help="Length of a turn; longer runs vary less.", min=1, max=_MOST_SECONDS)
    ] = 8,
    sockets: Annotated[
        int,
        typer.Option(
            help="Sockets of the large workloads.", min=_FEWEST_SOCKETS, max=_MOST_SOCKETS
        ),
    ] = 10_000,
    results: Annotated[Path | None, typer.Option(help="Folder of the report.")] = None,
) -> None:
    """Measure ours beside others, on stores of its own, and write a report.

    Exit code 1 when a check failed: then the figures prove nothing. Everything takes half an hour.
    """
    try:
        from bench.registry import WORKLOADS, named  # noqa: PLC0415 - no other command needs it
        from bench.run import RESULTS, run  # noqa: PLC0415 - the same
        from bench.workload import Options  # noqa: PLC0415 - the same
    except ModuleNotFoundError as error:
        if error.name not in {"bench", "bench.registry"}:
            raise
        raise CannotStart("bench needs the source tree: run it where bench/ is.") from None
    try:
        wanted = named([name.upper() for name in workloads or ()]) or list(WORKLOADS)
    except LookupError as error:
        raise typer.BadParameter(str(error)) from None
    words = [
        *(workload.name for workload in wanted),
        f"--seconds {seconds}",
        f"--sockets {sockets}",
        *([] if peers else ["--no-peers"]),
    ]
    findings, page = run(
        wanted,
        Options(peers=peers, seconds=seconds, sockets=sockets),
        command=f"flashsale bench {' '.join(words)}",
        results=results or RESULTS,
        tell=lambda line: typer.echo(line, err=True),
    )
    typer.echo(page.read_text())
    typer.echo(f"Written to {page}.")
    if not findings.sound:
        for check in findings.checks.failed:
            typer.echo(f"FAILED: {check.what}: {check.seen}", err=True)
        raise typer.Exit(1)
