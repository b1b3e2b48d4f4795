"""What becomes of an order: every status against every kind of payment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest

from kit.money import Money
from orders.decision import (
    Capture,
    Decision,
    Effect,
    OrderFacts,
    OrderStatus,
    PaymentFacts,
    Units,
    decide,
)

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
TOTAL = Money(4_990, "USD")
GOOD = Capture("pi_1", TOTAL)
SECOND = Capture("pi_2", TOTAL)
WRONG_AMOUNT = Capture("pi_1", Money(4_989, "USD"))
WRONG_CURRENCY = Capture("pi_1", Money(4_990, "EUR"))
NOTHING = PaymentFacts(known=0, open=0, captures=())
OPEN = PaymentFacts(known=1, open=1, captures=())
CANCELLED = PaymentFacts(known=1, open=0, captures=(), listed=True)
NOT_LISTED = PaymentFacts(known=1, open=0, captures=())


def paid(*captures: Capture, still_open: int = 0) -> PaymentFacts:
    return PaymentFacts(known=len(captures) + still_open, open=still_open, captures=captures)


def order(status: OrderStatus, *, due_in: float = 60, paid_by: str | None = None) -> OrderFacts:
    return OrderFacts(status, TOTAL, NOW + timedelta(seconds=due_in), paid_by)


def test_an_unpaid_order_waits_while_its_intent_is_open() -> None:
    assert decide(order("PENDING_PAYMENT"), OPEN, NOW) == Decision("PENDING_PAYMENT")


def test_an_order_without_an_intent_gets_one() -> None:
    assert decide(order("PENDING_PAYMENT"), NOTHING, NOW).effects == (Effect.OPEN_INTENT,)


def test_a_capture_of_the_right_amount_pays_the_order() -> None:
    expected = Decision("PAID", (Effect.COMMIT_UNITS, Effect.CONFIRM_TO_BUYER), paid_by="pi_1")
    assert decide(order("PENDING_PAYMENT"), paid(GOOD), NOW) == expected


def test_money_that_came_before_the_deadline_was_noticed_still_pays() -> None:
    assert decide(order("PENDING_PAYMENT", due_in=-5), paid(GOOD), NOW).status == "PAID"


@pytest.mark.parametrize("status", ["EXPIRING", "CANCELLING"])
def test_money_that_wins_against_the_cancellation_pays(status: OrderStatus) -> None:
    decision = decide(order(status), paid(GOOD), NOW)
    assert decision.status == "PAID"
    assert Effect.FREE_UNITS not in decision.effects


@pytest.mark.parametrize("capture", [WRONG_AMOUNT, WRONG_CURRENCY])
@pytest.mark.parametrize("status", ["PENDING_PAYMENT", "EXPIRING", "CANCELLING"])
def test_another_amount_or_currency_goes_to_a_person(status: OrderStatus, capture: Capture) -> None:
    assert decide(order(status), paid(capture), NOW) == Decision("UNDER_REVIEW", (Effect.ALERT,))


def test_a_deadline_starts_the_cancellation_and_frees_nothing() -> None:
    decision = decide(order("PENDING_PAYMENT", due_in=0), OPEN, NOW)
    assert decision == Decision("EXPIRING", (Effect.CANCEL_INTENTS,))


@pytest.mark.parametrize("payment", [OPEN, NOTHING, NOT_LISTED])
@pytest.mark.parametrize("status", ["EXPIRING", "CANCELLING"])
def test_units_stay_claimed_until_every_intent_is_known_and_cancelled(
    status: OrderStatus, payment: PaymentFacts
) -> None:
    assert decide(order(status), payment, NOW) == Decision(status, (Effect.CANCEL_INTENTS,))


@pytest.mark.parametrize(
    ("status", "ended"), [("EXPIRING", "EXPIRED"), ("CANCELLING", "CANCELLED")]
)
def test_units_are_freed_once_the_provider_has_confirmed_it(
    status: OrderStatus, ended: OrderStatus
) -> None:
    assert decide(order(status), CANCELLED, NOW) == Decision(ended, (Effect.FREE_UNITS,))


@pytest.mark.parametrize("status", ["EXPIRED", "CANCELLED"])
def test_late_money_asks_for_the_units_first(status: OrderStatus) -> None:
    assert decide(order(status), paid(GOOD), NOW) == Decision(status, (Effect.RECLAIM_UNITS,))


@pytest.mark.parametrize("status", ["EXPIRED", "CANCELLED"])
def test_late_money_pays_once_the_units_are_taken(status: OrderStatus) -> None:
    taken = replace(order(status), units="TAKEN")
    expected = Decision("PAID", (Effect.COMMIT_UNITS, Effect.CONFIRM_TO_BUYER), paid_by="pi_1")
    assert decide(taken, paid(GOOD, SECOND), NOW) == expected


@pytest.mark.parametrize("status", ["EXPIRED", "CANCELLED"])
def test_late_money_goes_back_where_the_units_are_gone(status: OrderStatus) -> None:
    refused = replace(order(status), units="REFUSED")
    expected = Decision("REFUND_PENDING", (Effect.REFUND_CAPTURES,), refund=(GOOD, SECOND))
    assert decide(refused, paid(GOOD, SECOND), NOW) == expected


@pytest.mark.parametrize("units", ["UNTRIED", "TAKEN", "REFUSED"])
@pytest.mark.parametrize("capture", [WRONG_AMOUNT, WRONG_CURRENCY])
def test_late_money_of_another_amount_goes_to_a_person(capture: Capture, units: Units) -> None:
    ended = replace(order("EXPIRED"), units=units)
    assert decide(ended, paid(capture), NOW) == Decision("UNDER_REVIEW", (Effect.ALERT,))


@pytest.mark.parametrize("status", ["EXPIRED", "CANCELLED", "REFUNDED"])
def test_an_intent_that_turns_up_after_the_end_is_cancelled(status: OrderStatus) -> None:
    assert decide(order(status), OPEN, NOW) == Decision(status, (Effect.CANCEL_INTENTS,))


def test_a_second_capture_goes_back_and_the_order_stays_paid() -> None:
    decision = decide(order("PAID", paid_by="pi_1"), paid(GOOD, SECOND), NOW)
    assert decision == Decision("PAID", (Effect.REFUND_CAPTURES,), refund=(SECOND,))


def test_a_spare_intent_of_a_paid_order_is_cancelled() -> None:
    decision = decide(order("PAID", paid_by="pi_1"), paid(GOOD, still_open=1), NOW)
    assert decision == Decision("PAID", (Effect.CANCEL_INTENTS,))


@pytest.mark.parametrize(
    ("restock", "effect"), [(True, Effect.FREE_UNITS), (False, Effect.WRITE_OFF_UNITS)]
)
def test_a_refund_ends_when_the_money_is_back_and_no_more_can_come(
    effect: Effect, *, restock: bool
) -> None:
    refunded = replace(order("REFUND_PENDING", paid_by="pi_1"), restock=restock)
    waiting = Decision("REFUND_PENDING", (Effect.REFUND_CAPTURES,), refund=(GOOD,))
    looking = Decision("REFUND_PENDING", (Effect.CANCEL_INTENTS,))
    assert decide(refunded, paid(GOOD), NOW) == waiting
    for unsure in (OPEN, NOTHING, NOT_LISTED):
        assert decide(refunded, unsure, NOW) == looking
    assert decide(refunded, CANCELLED, NOW) == Decision("REFUNDED", (effect, Effect.TELL_REFUND))


def test_a_refund_cancels_open_intents_while_the_money_goes_back() -> None:
    both = (Effect.REFUND_CAPTURES, Effect.CANCEL_INTENTS)
    expected = Decision("REFUND_PENDING", both, refund=(GOOD,))
    assert decide(order("REFUND_PENDING"), paid(GOOD, still_open=1), NOW) == expected


def test_money_that_turns_up_after_the_refund_goes_back_too() -> None:
    expected = Decision("REFUNDED", (Effect.REFUND_CAPTURES,), refund=(SECOND,))
    assert decide(order("REFUNDED", paid_by="pi_1"), paid(SECOND), NOW) == expected


def test_units_are_never_freed_while_money_can_move_or_was_taken() -> None:
    """Every status against every mixture of intents, before and after the deadline."""
    payments = [
        PaymentFacts(known=known, open=opened, captures=captures, listed=listed)
        for known, opened, captures, listed in product(
            range(3), range(3), [(), (GOOD,), (WRONG_AMOUNT,), (GOOD, SECOND)], (False, True)
        )
        if known >= opened + len(captures)
    ]
    for status, payment, due, units, restock in product(
        get_args(OrderStatus), payments, (-1, 1), get_args(Units), (False, True)
    ):
        facts = replace(order(status, due_in=due, paid_by="pi_1"), units=units, restock=restock)
        decision = decide(facts, payment, NOW)
        if {Effect.FREE_UNITS, Effect.WRITE_OFF_UNITS} & set(decision.effects):
            assert payment.known > 0
            assert payment.listed
            assert payment.open == 0
            assert payment.captures == ()
        if Effect.COMMIT_UNITS in decision.effects:
            assert payment.captures[0].amount == TOTAL
            assert decision.refund == ()
        if decision.refund:
            assert decision.status in ("PAID", "REFUND_PENDING", "REFUNDED")
