"""`flashsale capacity`: what a sale needs, computed from what its requests cost on a machine."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.problems import CannotStart

commands = typer.Typer()

_MOST_REQUESTS = 10**12
_MOST_SOCKETS = 10**8
_A_WEEK_MINUTES = 7 * 24 * 60.0


Requests = Annotated[int, typer.Option(help="Of the whole sale.", min=1, max=_MOST_REQUESTS)]
Minutes = Annotated[float, typer.Option(help="Length of the sale.", min=0.1, max=_A_WEEK_MINUTES)]
Surge = Annotated[float, typer.Option(help="Times the average, at its peak.", min=1.0, max=1_000.0)]
Reads = Annotated[float, typer.Option(help="Share of lists and deals' pages.", min=0.0, max=1.0)]
Adds = Annotated[float, typer.Option(help="Share of addToCart.", min=0.0, max=1.0)]
Orders = Annotated[
    float, typer.Option(help="Share of checkout and placeOrder, half each.", min=0.0, max=1.0)
]
SoldOut = Annotated[
    float, typer.Option(help="Share of addToCart that comes too late.", min=0.0, max=1.0)
]
Sockets = Annotated[
    int, typer.Option(help="Subscribed to the stock of a deal each.", min=0, max=_MOST_SOCKETS)
]
Connections = Annotated[
    int, typer.Option(help="HTTP connections open at once.", min=0, max=_MOST_SOCKETS)
]
Deals = Annotated[int, typer.Option(help="Deals on sale.", min=1, max=100_000)]
StockChanges = Annotated[
    float | None,
    typer.Option(
        help="A second, of all deals, in the surge; else one for each unit held.", min=0.0, max=1e9
    ),
]
Cores = Annotated[
    int | None, typer.Option(help="Else those of the costs' machine.", min=1, max=100_000)
]
CostsFile = Annotated[
    Path | None, typer.Option(help="File of costs; else they are measured here and now.")
]
Save = Annotated[
    Path | None, typer.Option(help="File for what was measured; else in bench/results/.")
]


@commands.command()
def capacity(
    *,
    requests: Requests = 10_000_000,
    minutes: Minutes = 15.0,
    surge: Surge = 2.0,
    reads: Reads = 0.95,
    adds: Adds = 0.04,
    orders: Orders = 0.01,
    sold_out: SoldOut = 0.5,
    sockets: Sockets = 10_000,
    connections: Connections = 4_000,
    deals: Deals = 1_000,
    stock_changes: StockChanges = None,
    cores: Cores = None,
    costs: CostsFile = None,
    save: Save = None,
) -> None:
    """Say what a sale needs and which part saturates first. The defaults are the design document's.

    Without --costs it first measures, for half a minute and on stores of its own, what a request
    of each kind costs on this machine. With nothing given at all, it also renews the example in
    docs/capacity.md.
    """
    try:
        from bench.capacity.demand import Demand, Nonsense  # noqa: PLC0415 - only needed here
        from bench.capacity.run import measure_and_plan, plan_from  # noqa: PLC0415 - the same
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
        told = (
            measure_and_plan(demand, cores=cores, save=save, tell=_tell)
            if costs is None
            else plan_from(costs, demand, cores=cores)
        )
    except Nonsense as error:
        raise CannotStart(f"These expectations contradict each other: {error}") from None
    typer.echo(told)


def _tell(line: str) -> None:
    """Progress; standard output is the plan's alone."""
    typer.echo(line, err=True)
