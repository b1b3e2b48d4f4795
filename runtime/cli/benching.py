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
        list[str] | None, typer.Argument(help="W5 (fan-out) and W8 (memory per socket); else both.")
    ] = None,
    *,
    peers: Annotated[
        bool, typer.Option(help="Measure graphql-ws and Strawberry in the same run.")
    ] = True,
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
    """Measure fan-out and memory beside others, on stores of its own, and write a report.

    Exit code 1 when a check failed: then the figures prove nothing. Takes some six minutes.
    """
    try:
        from bench.run import RESULTS, WORKLOADS, run  # noqa: PLC0415 - no other command needs it
    except ModuleNotFoundError as error:
        if error.name not in {"bench", "bench.run"}:
            raise
        raise CannotStart("bench needs the source tree: run it where bench/ is.") from None
    wanted = [name.upper() for name in workloads or WORKLOADS]
    for name in wanted:
        if name not in WORKLOADS:
            raise typer.BadParameter(f"{name} is none of {', '.join(WORKLOADS)}.")
    words = [
        *wanted,
        f"--seconds {seconds}",
        f"--sockets {sockets}",
        *([] if peers else ["--no-peers"]),
    ]
    findings, page = run(
        wanted,
        command=f"flashsale bench {' '.join(words)}",
        peers=peers,
        seconds=seconds,
        sockets=sockets,
        results=results or RESULTS,
        tell=lambda line: typer.echo(line, err=True),
    )
    typer.echo(page.read_text())
    typer.echo(f"Written to {page}.")
    if not findings.sound:
        for check in findings.checks:
            if not check.holds:
                typer.echo(f"FAILED: {check.what}: {check.seen}", err=True)
        raise typer.Exit(1)
