"""`python -m tests.faults`: list, run and report the scenarios of harm."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from tests.faults import catalogue
from tests.faults.mutants import MUTANTS
from tests.faults.report import RESULTS, in_full, keep, one_line, write_tables
from tests.faults.runner import Outcome, run_scenario
from tests.faults.scenario import Scenario
from tests.faults.stores import Workshop

SALE_SECONDS = 10.0

commands = typer.Typer(no_args_is_help=True, add_completion=False)


@commands.command("list")
def list_all() -> None:
    """Name every scenario, its harm and what may be expected, and every mutant."""
    for scenario in catalogue.all_scenarios().values():
        typer.echo(f"{scenario.name}\n    {scenario.harm}\n    expected: {scenario.expected}")
    for mutant in MUTANTS.values():
        typer.echo(f"mutant {mutant.name}\n    {mutant.wrong}\n    caught by {mutant.scenario}")


@commands.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every scenario.")] = False,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 1,
    seeds: Annotated[int, typer.Option(help="So many seeds, one after the other.", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="How long the crowd shops.", min=1)] = SALE_SECONDS,
    mutant: Annotated[str, typer.Option(help="A safeguard to take out.")] = "",
    results: Annotated[Path, typer.Option(help="File for what came of it.")] = RESULTS,
) -> None:
    """Run scenarios, each with every seed; exit code 1 when a promise was broken."""
    known = catalogue.names()
    wanted = known if every else names or []
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise typer.BadParameter(f"no scenario {unknown or 'was named'}; there are {known}")
    launch = {"FAULTS_MUTANT": mutant, **MUTANTS[mutant].launch} if mutant else {}
    chosen = {name: catalogue.scenario(name) for name in wanted}
    work = [(chosen[name], number) for number in range(seed, seed + seeds) for name in wanted]
    outcomes = _until_stopped(_run_all(work, seconds, launch, results))
    broken = [outcome for outcome in outcomes if not outcome.good]
    typer.echo(f"{len(outcomes)} runs, {len(broken)} broken.")
    if broken:
        raise typer.Exit(1)


@commands.command()
def report(
    results: Annotated[Path, typer.Argument(help="A file that run has written.")] = RESULTS,
) -> None:
    """Write the tables of docs/reliability.md anew."""
    write_tables(results, catalogue.all_scenarios())


async def _run_all(
    work: list[tuple[Scenario, int]], seconds: float, launch: dict[str, str], results: Path
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    async with Workshop() as workshop:
        for scenario, seed in work:
            outcome = await run_scenario(
                scenario, workshop, seed=seed, seconds=seconds, launch=launch
            )
            typer.echo(one_line(outcome) if outcome.good else in_full(outcome))
            outcomes.append(outcome)
            keep(outcomes, results)
    return outcomes


def _until_stopped(running: Coroutine[Any, Any, list[Outcome]]) -> list[Outcome]:
    """Run it; SIGTERM ends it as Ctrl-C does, together with every program it has started."""

    async def heeding() -> list[Outcome]:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await running

    try:
        return uvloop.run(heeding())
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("stopped")


if __name__ == "__main__":
    commands()
