"""Ways to get `decide` wrong, each of which the simulator has to notice."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from orders.decision import Decision, Effect, OrderFacts, PaymentFacts, decide
from tests.simulation.settling import Decide


def frees_before_the_cancellation(
    order: OrderFacts, payment: PaymentFacts, now: datetime
) -> Decision:
    return decide(order, replace(payment, open=0, listed=True), now)


def takes_unknown_intents_for_none(
    order: OrderFacts, payment: PaymentFacts, now: datetime
) -> Decision:
    if order.status in ("EXPIRING", "CANCELLING"):
        return decide(order, replace(payment, known=1, listed=True), now)
    return decide(order, payment, now)


def keeps_a_second_capture(order: OrderFacts, payment: PaymentFacts, now: datetime) -> Decision:
    return decide(order, replace(payment, captures=payment.captures[:1]), now)


def refunds_what_paid_the_order(
    order: OrderFacts, payment: PaymentFacts, now: datetime
) -> Decision:
    decision = decide(order, payment, now)
    if order.status == "PAID":
        return replace(decision, refund=payment.captures)
    return decision


def pays_whatever_the_amount(order: OrderFacts, payment: PaymentFacts, now: datetime) -> Decision:
    captures = tuple(replace(capture, amount=order.total) for capture in payment.captures)
    return decide(order, replace(payment, captures=captures), now)


def keeps_late_money(order: OrderFacts, payment: PaymentFacts, now: datetime) -> Decision:
    if order.status in ("EXPIRED", "CANCELLED"):
        return decide(order, replace(payment, captures=()), now)
    return decide(order, payment, now)


def pays_late_money_without_units(
    order: OrderFacts, payment: PaymentFacts, now: datetime
) -> Decision:
    decision = decide(replace(order, units="TAKEN"), payment, now)
    if order.status in ("EXPIRED", "CANCELLED") and decision.status == "PAID":
        return replace(decision, effects=(Effect.CONFIRM_TO_BUYER,))
    return decision


def frees_units_before_the_refund(
    order: OrderFacts, payment: PaymentFacts, now: datetime
) -> Decision:
    decision = decide(order, payment, now)
    if order.status == "REFUND_PENDING" and payment.captures:
        return Decision("REFUNDED", (Effect.FREE_UNITS,))
    return decision


def forgets_the_units_of_a_refund(
    order: OrderFacts, payment: PaymentFacts, now: datetime
) -> Decision:
    decision = decide(order, payment, now)
    return replace(decision, effects=()) if decision.status == "REFUNDED" else decision


MUTANTS: Final[dict[str, Decide]] = {
    mutant.__name__: mutant
    for mutant in (
        frees_before_the_cancellation,
        takes_unknown_intents_for_none,
        keeps_a_second_capture,
        refunds_what_paid_the_order,
        pays_whatever_the_amount,
        keeps_late_money,
        pays_late_money_without_units,
        frees_units_before_the_refund,
        forgets_the_units_of_a_refund,
    )
}
