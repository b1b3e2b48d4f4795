"""What a search allows to happen, and which rules of the protocol it leaves out."""

from dataclasses import dataclass, replace
from typing import Final

RULES: Final = {
    "rule-1": "the order is written first and claims at the gate afterwards",
    "rule-2": "a claim without an order is released without a row that keeps the order out",
    "rule-2-at-all": "a claim without an order is never released",
    "rule-3": "the order's transaction does not compare epochs",
    "rule-3-late": "the transaction of late money does not compare epochs",
    "rule-4-rank": "the gate applies every message, whatever it applied before",
    "rule-4-epoch": "the gate applies messages of an epoch that is not its own",
    "rule-4-wait": "a message to a gate that is older or missing is dropped",
    "rule-5": "a rebuild reads first and raises the epoch afterwards",
    "rule-5-own": "a rebuild writes under an epoch that another one has raised",
    "rule-6": "a rebuild keeps no holds and no claims",
    "rule-6-ended": "a rebuild keeps claims and holds whose order Postgres knows",
    "rule-6-evict": "a rebuild keeps holds and claims that do not fit, and shows 0 as available",
    "rule-7": "an intent with an unknown outcome is taken for none",
    "rule-8": "only the intents that are written down are looked at",
    "rule-8-extra": "a second capture of a paid order is kept",
    "cancelled-first": "units are freed before the provider has cancelled the intents",
    "rule-9-refund": "a refund is sent before REFUND_PENDING has committed",
    "rule-9": "late money takes its units in Postgres alone",
    "rule-10": "a refund frees units that its order no longer owns",
    "rule-11-more": "more stock reaches the gate first",
    "rule-11-less": "less stock reaches Postgres first",
    "rule-11-epoch": "less stock reaches Postgres whatever the epoch is by then",
    "rule-12": "the server's run id is not compared",
    "limit": "Postgres does not check the purchase limit",
    "operation-id": "a request for a hold that arrives twice holds twice",
}
"""What is done instead, when a rule is left out."""


@dataclass(frozen=True, slots=True)
class World:
    """The bounds of one search. Everything that may happen in it may happen at any moment."""

    name: str
    provider: bool = False  # one order's payments, and nothing of the stock
    buyers: int = 2
    deals: int = 1  # each order has a line of every deal
    units: int = 1  # of each deal
    orders: int = 1  # of each buyer
    limit: int = 9  # units that a buyer may hold and buy of a deal
    each: int = 1  # most units that a buyer asks for
    changes: bool = False  # holds are changed, also after the checkout
    epochs: int = 3  # the highest
    rebuilds: int = 1  # at once
    recounts: bool = False  # gates are rebuilt for no reason, too
    gives: int = 0  # units that the operator adds
    takes: int = 0  # units that the operator takes away
    faults: int = 0  # that may strike, of those that follow
    flush: bool = False  # Redis forgets everything
    rollback: bool = False  # Redis restarts with an older copy of its memory
    die: bool = False  # a process ends between two of its steps
    repeat: bool = False  # a message arrives once more
    echoes: bool = False  # a request for a hold arrives once more, before the hold could lapse
    gate_down: bool = False  # Redis is out of reach; an order passes by
    forgets_early: bool = False  # the provider forgets a key that a request on its way relies on
    pays: bool = True
    expires: bool = True
    late: int = 0  # processes that settle an order at once, after it has ended or before
    refunds: bool = False  # operators refund paid orders
    write_offs: bool = False  # and do not put the units back on sale
    without: str = ""  # the rule that is left out

    def keeps(self, rule: str) -> bool:
        """Whether a rule is in force."""
        return self.without != rule

    def leaving_out(self, rule: str) -> "World":
        """The same world without a rule."""
        assert rule in RULES, rule
        return replace(self, without=rule)
