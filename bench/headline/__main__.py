"""W2 by itself, as short as is wanted: for whoever works on what it measures."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from bench.headline.measure import PER_SECOND, Plan, offer
from bench.stage import allow_files
from bench.tables import table
from bench.workload import Checks

_SURGE_PART: Final = 15
_SETTINGS: Final = {
    "FLASHSALE_STRIPE_API_KEY": "sk_test_flashsale_bench",
    "FLASHSALE_STRIPE_PUBLISHABLE_KEY": "pk_test_flashsale_bench",
    "FLASHSALE_SECRET_KEY": "a-secret-of-the-benchmark",
    "FLASHSALE_LOG_LEVEL": "WARNING",
}


def headline(
    *,
    seconds: Annotated[float, typer.Option(help="A fifteenth of it is the surge.")] = 15,
    per_second: Annotated[float, typer.Option(help="The steady rate.")] = PER_SECOND,
    processes: Annotated[int, typer.Option(help="API processes.")] = 2,
    connections: Annotated[int, typer.Option(help="Of the driver.")] = 4_000,
    deals: Annotated[int, typer.Option(help="Deals on sale.")] = 1_000,
) -> None:
    """Offer the load, print what came of it. Exit code 1 when a check failed."""
    allow_files()
    checks = Checks()
    folder = Path(tempfile.mkdtemp(prefix="flashsale-headline-"))
    folder.chmod(0o711)  # Postgres runs as another user under root
    plan = Plan(
        seconds=seconds,
        surge_seconds=seconds / _SURGE_PART,
        per_second=per_second,
        processes=processes,
        connections=connections,
        deals=deals,
    )
    others = {k: v for k, v in os.environ.items() if not k.startswith(("FLASHSALE_", "PG"))}
    environment = {**others, **_SETTINGS, "PYTHONPATH": str(Path(__file__).parents[2])}
    try:
        found = offer(
            plan, folder / "shop", environment, checks, lambda line: typer.echo(line, err=True)
        )
    finally:
        shutil.rmtree(folder)
    for goal in found.goals():
        typer.echo(f"{goal.what}: {goal.reached}")
    for section in found.sections():
        typer.echo("\n\n".join(section.parts))
    rows = [(one.what, "holds" if one.holds else "FAILED", one.seen) for one in checks.all]
    typer.echo(table(("check", "", "seen"), rows))
    if checks.failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(headline)
