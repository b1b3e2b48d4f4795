"""`flashsale capacity`: what a sale needs, computed from what its requests cost on a machine."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from runtime.problems import CannotStart

commands = typer.Typer()

_MOST_REQUESTS = 10**12
_MOST_SOCKETS = 10**8
_A_WEEK_MINUTES = 7 * 24 * 60.0


@commands.command()
def capacity(
    *,
    requests: Annotated[
        int, typer.Option(help="Of the whole sale.", min=1, max=_MOST_REQUESTS)
    ] = 10_000_000,
    minutes: Annotated[
        float, typer.Option(help="Length of the sale.", min=0.1, max=_A_WEEK_MINUTES)
    ] = 15.0,
    surge: Annotated[
        float, typer.Option(help="Times the average, at its peak.", min=1.0, max=1_000.0)
    ] = 2.0,
    reads: Annotated[
        float, typer.Option(help="Share of lists and pages of a deal.", min=0.0, max=1.0)
    ] = 0.95,
    adds: Annotated[float, typer.Option(help="Share of addToCart.", min=0.0, max=1.0)] = 0.04,
    orders: Annotated[
        float, typer.Option(help="Share of checkout and placeOrder, half each.", min=0.0, max=1.0)
    ] = 0.01,
    sold_out: Annotated[
        float, typer.Option(help="Share of addToCart that comes too late.", min=0.0, max=1.0)
    ] = 0.5,
    sockets: Annotated[
        int, typer.Option(help="Subscribed to the stock of a deal each.", min=0, max=_MOST_SOCKETS)
    ] = 10_000,
    connections: Annotated[
        int, typer.Option(help="HTTP connections open at once.", min=0, max=_MOST_SOCKETS)
    ] = 4_000,
    deals: Annotated[int, typer.Option(help="Deals on sale.", min=1, max=100_000)] = 1_000,
    stock_changes: Annotated[
        float | None,
        typer.Option(
            help="A second, of all deals, in the surge; else one for each unit held.",
            min=0.0,
            max=1e9,
        ),
    ] = None,
    cores: Annotated[
        int | None, typer.Option(help="Else those of the costs' machine.", min=1, max=100_000)
    ] = None,
    costs: Annotated[
        Path | None, typer.Option(help="File of costs; else they are measured here and now.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="File for what was measured; else in bench/results/.")
    ] = None,
) -> None:
    """Say what a sale needs and which part saturates first. The defaults are the design document's.

    Without --costs it first measures, for half a minute and on stores of its own, what a request
    of each kind costs on this machine. With nothing given at all, it also renews the example in
    docs/capacity.md.
    """
    try:
        from bench.capacity.calibration import Size, calibrate  # noqa: PLC0415 - only needed here
        from bench.capacity.costs import load_costs, save_costs  # noqa: PLC0415 - the same
        from bench.capacity.demand import Demand, Nonsense  # noqa: PLC0415 - the same
        from bench.capacity.page import PAGE, page  # noqa: PLC0415 - the same
        from bench.capacity.plan import plan_for  # noqa: PLC0415 - the same
        from bench.run import RESULTS  # noqa: PLC0415 - the same
        from bench.summary import renewed  # noqa: PLC0415 - the same
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "bench":
            raise
        raise CannotStart("capacity needs the source tree: run it where bench/ is.") from None
    if costs is not None and save is not None:
        raise CannotStart("--save keeps what is measured; with --costs nothing is.")
    try:
        demand = Demand(
            requests=requests,
            minutes=minutes,
            surge=surge,
            reads=reads,
            adds=adds,
            orders=orders,
            sold_out=sold_out,
            sockets=sockets,
            connections=connections,
            deals=deals,
            stock_changes_per_second=stock_changes,
        )
        if costs is None:
            known = calibrate(Size(), lambda line: typer.echo(line, err=True))
            name = f"costs-{datetime.now(UTC).date().isoformat()}-{known.commit}.json"
            path = save or RESULTS / name
            save_costs(known, path)
        else:
            known, path = load_costs(costs), costs
        plan = plan_for(demand, known, cores=cores)
    except Nonsense as error:
        raise CannotStart(f"These expectations contradict each other: {error}") from None
    told = page(plan, known, source=path.name)
    typer.echo(told)
    if costs is None and save is None and cores is None and demand == Demand():
        PAGE.write_text(renewed(PAGE.read_text(), f"```text\n{told}\n```"))
    if costs is None:
        typer.echo(f"\nThe costs are in {path}: --costs {path} plans with them again.")
