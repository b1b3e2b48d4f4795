"""Reconciliation and its parts, put together from the other use cases."""

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
from orders.reconciliation import Reconciliation
from orders.settlement import Settlement
from payments.gateway import Gateway


def assemble_reconciliation(
    *,
    pool: asyncpg.Pool,
    stock: Stock,
    gateway: Gateway,
    gatekeeper: Gatekeeper,
    abandonment: Abandonment,
    adoption: Adoption,
    intents: Intents,
    settlement: Settlement,
    driftbook: DriftBook,
    clock: Clock,
) -> Reconciliation:
    """Put it together; opens nothing."""
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
    return Reconciliation(
        pool=pool,
        watch=watch,
        comparison=comparison,
        settlement=settlement,
        driftbook=driftbook,
        clock=clock,
    )
