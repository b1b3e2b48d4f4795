"""`flashsale reconcile`: the stores compared and mended at once, told as a table."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from kit.ids import is_id
from kit.log import configure_logs
from kit.settings import Settings
from runtime.cli.joining import command_settings
from runtime.problems import CannotStart
from runtime.reachable import check_stores, require_payments

if TYPE_CHECKING:
    from orders.reconciliation import Report
    from runtime.resources import Resources

commands = typer.Typer()

# A month: the provider's list is read back for as long, a hundred intents at a time.
_MOST_HOURS = 31 * 24


@commands.command()
def reconcile(
    deal: Annotated[str | None, typer.Option(help="Only what concerns this deal.")] = None,
    hours: Annotated[
        int, typer.Option(help="Read the provider's list so far back.", min=1, max=_MOST_HOURS)
    ] = 24,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look, and write nothing.")] = False,
) -> None:
    """Compare Redis, PostgreSQL and the payment provider, and mend what differs.

    Exit code 0 when nothing is left, 1 when something is. May run during a sale.
    """
    if deal is not None and not is_id("deal", deal):
        raise typer.BadParameter(f"{deal} is no deal's id.", param_hint="--deal")
    settings = command_settings()
    require_payments(settings)
    configure_logs(settings.log_level)
    report = asyncio.run(_reconcile(settings, deal, timedelta(hours=hours), mend=not dry_run))
    _tell(report, dry_run=dry_run)
    if not report.clean:
        raise typer.Exit(1)


async def _reconcile(
    settings: Settings, deal_id: str | None, back: timedelta, *, mend: bool
) -> "Report":
    await check_stores(settings, migrated=True)
    from runtime.resources import open_resources  # noqa: PLC0415 - start quickly

    async with open_resources(settings) as resources:
        if deal_id is not None and await resources.dealbook.get(deal_id) is None:
            raise CannotStart(f"There is no deal {deal_id}.")
        if mend:
            await _sweep(resources)
        return await resources.reconciliation.reconcile(
            since=resources.clock.now() - back, deal_id=deal_id, mend=mend
        )


async def _sweep(resources: "Resources") -> None:
    """What the worker does all the time, once: most of what is late is no difference after it."""
    sweeps = resources.sweeps
    for name, count in (
        ("gates opened again", await sweeps.open_gates()),
        ("holds lapsed", await sweeps.lapse_holds()),
        ("stale claims given up", await sweeps.release_stale_claims()),
        ("unpaid orders expiring", await sweeps.expire_orders()),
        ("payments asked about", await sweeps.poll_payments()),
    ):
        typer.echo(f"{name}: {count}")


def _tell(report: "Report", *, dry_run: bool) -> None:
    """A row for each difference, then how many there were."""
    for found in report.findings:
        drift = found.drift
        word = "repaired" if found.mended else "left"
        subject = " ".join(filter(None, (drift.order_id, drift.intent_id))) or "-"
        typer.echo(
            f"{drift.kind:<18}  {drift.deal_id or '-':<31}  {subject}  "
            f"units {drift.units}  {word}  {drift.note}"
        )
    if report.provider_away:
        typer.echo("The payment provider did not answer: no intent was compared.", err=True)
    total, left = len(report.findings), sum(not found.mended for found in report.findings)
    if dry_run:
        typer.echo(f"{total} differences; nothing was changed.")
    else:
        typer.echo(f"{total} differences, {total - left} repaired, {left} left.")
