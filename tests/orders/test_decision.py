"""What becomes of an order: every status against every kind of payment."""

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
def test_late_money_goes_back_and_frees_nothing(status: OrderStatus) -> None:
    decision = decide(order(status), paid(GOOD), NOW)
    assert decision == Decision("REFUND_PENDING", (Effect.REFUND_CAPTURES,), refund=(GOOD,))


def test_a_second_capture_goes_back_and_the_order_stays_paid() -> None:
    decision = decide(order("PAID", paid_by="pi_1"), paid(GOOD, SECOND), NOW)
    assert decision == Decision("PAID", (Effect.REFUND_CAPTURES,), refund=(SECOND,))


def test_a_spare_intent_of_a_paid_order_is_cancelled() -> None:
    decision = decide(order("PAID", paid_by="pi_1"), paid(GOOD, still_open=1), NOW)
    assert decision == Decision("PAID", (Effect.CANCEL_INTENTS,))


def test_a_refund_ends_when_no_capture_is_left() -> None:
    assert decide(order("REFUND_PENDING"), paid(GOOD), NOW).refund == (GOOD,)
    assert decide(order("REFUND_PENDING"), CANCELLED, NOW) == Decision("REFUNDED")


def test_units_are_never_freed_while_money_can_move_or_was_taken() -> None:
    """Every status against every mixture of intents, before and after the deadline."""
    payments = [
        PaymentFacts(known=known, open=opened, captures=captures, listed=listed)
        for known, opened, captures, listed in product(
            range(3), range(3), [(), (GOOD,), (WRONG_AMOUNT,), (GOOD, SECOND)], (False, True)
        )
        if known >= opened + len(captures)
    ]
    for status, payment, due in product(get_args(OrderStatus), payments, (-1, 1)):
        decision = decide(order(status, due_in=due, paid_by="pi_1"), payment, NOW)
        if Effect.FREE_UNITS in decision.effects:
            assert payment.known > 0
            assert payment.listed
            assert payment.open == 0
            assert payment.captures == ()
        if Effect.COMMIT_UNITS in decision.effects:
            assert payment.captures[0].amount == TOTAL
