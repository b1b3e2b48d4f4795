"""Checks a settled sale against the invariants I1 to I14; each violation is one readable line."""

from collections.abc import Callable
from typing import Final

from tests.faults import money_checks, promise_checks, stock_checks
from tests.faults.evidence import Evidence

Check = Callable[[Evidence], list[str]]

INVARIANTS: Final[dict[str, Check]] = {
    "I1": stock_checks.never_oversold,
    "I2": money_checks.captures_have_orders,
    "I3": money_checks.paid_orders_have_payments,
    "I4": money_checks.one_capture_per_order,
    "I5": promise_checks.answered_orders_exist,
    "I6": stock_checks.gate_agrees,
    "I7": promise_checks.nothing_stuck,
    "I8": stock_checks.limit_kept,
    "I9": promise_checks.one_notice_per_fact,
    "I10": promise_checks.revoked_stays_revoked,
    "I11": money_checks.price_as_shown,
    "I12": stock_checks.ledger_unbroken,
    "I13": promise_checks.same_key_same_answer,
    "I14": promise_checks.sales_go_on,
    "INTERNAL": promise_checks.nobody_told_internal,
}


def check(found: Evidence) -> list[str]:
    """Every violation, each behind the invariant that it breaks."""
    return [
        f"{name}: {line}" for name, invariant in INVARIANTS.items() for line in invariant(found)
    ]
