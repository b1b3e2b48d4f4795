"""Stock: everything that can be done to the units of a deal, each thing one script."""

from inventory.answers import (
    Counters,
    GateSnapshot,
    Hold,
    HoldAnswer,
    HoldState,
    Settled,
    SettledWord,
)
from inventory.claims import Claims
from inventory.holds import Holds
from inventory.inspection import GateClaim, GateContents, GateDump, Inspection
from inventory.terms import Terms

__all__ = [
    "Counters",
    "GateClaim",
    "GateContents",
    "GateDump",
    "GateSnapshot",
    "Hold",
    "HoldAnswer",
    "HoldState",
    "Settled",
    "SettledWord",
    "Stock",
]


class Stock(Holds, Claims, Terms, Inspection):
    """The gates of all deals on one Redis.

    It fails closed: without a gate of the right epoch and of the server's present life, every
    change is refused with StaleEpoch. Redis's clock is the only clock. Every change of counters
    raises the version by one, and at every version allotment = available + held + committed,
    where held counts holds and claims, and committed what is paid.
    """
