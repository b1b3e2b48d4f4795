"""What compares the stores and clears them up, put together from the other use cases."""

from dataclasses import dataclass

import asyncpg

from inventory.stock import Stock
from kit.clock import Clock
from orders.abandonment import Abandonment
from orders.adoption import Adoption
from orders.drift import DriftBook
from orders.gate_watch import GateWatch
from orders.gatekeeper import Gatekeeper
from orders.intent_comparison import IntentComparison
from orders.intents import Intents
from orders.pruning import Pruning
from orders.reconciliation import Reconciliation
from orders.settlement import Settlement
from payments.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Reconcilers:
    """The comparison itself, the book of what it found, and the removal of what is over."""

    reconciliation: Reconciliation
    driftbook: DriftBook
    pruning: Pruning


def assemble_reconcilers(
    *,
    pool: asyncpg.Pool,
    stock: Stock,
    gateway: Gateway,
    gatekeeper: Gatekeeper,
    abandonment: Abandonment,
    adoption: Adoption,
    intents: Intents,
    settlement: Settlement,
    clock: Clock,
) -> Reconcilers:
    """Put them together; opens nothing."""
    driftbook = DriftBook(pool=pool, clock=clock)
    watch = GateWatch(
        pool=pool,
        stock=stock,
        gatekeeper=gatekeeper,
        abandonment=abandonment,
        driftbook=driftbook,
        clock=clock,
    )
    comparison = IntentComparison(
        pool=pool,
        gateway=gateway,
        adoption=adoption,
        intents=intents,
        settlement=settlement,
    )
    return Reconcilers(
        reconciliation=Reconciliation(
            pool=pool,
            watch=watch,
            comparison=comparison,
            settlement=settlement,
            driftbook=driftbook,
            clock=clock,
        ),
        driftbook=driftbook,
        pruning=Pruning(pool=pool, stock=stock, clock=clock),
    )
