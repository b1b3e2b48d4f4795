"""What becomes of an order, given its payments and the time: one pure function, asked by all."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Literal, assert_never

from kit.money import Money

OrderStatus = Literal[
    "PENDING_PAYMENT",
    "CANCELLING",
    "CANCELLED",
    "EXPIRING",
    "EXPIRED",
    "PAID",
    "REFUND_PENDING",
    "REFUNDED",
    "UNDER_REVIEW",
    "ABANDONED",
]


Units = Literal["UNTRIED", "TAKEN", "REFUSED"]
"""Whether the units of an order that has ended were there once more for late money (rule 9)."""


class Effect(Enum):
    """What has to happen with a decision.

    All down to ALERT happen once, with the change of status. RECLAIM_UNITS asks the gates, and
    whoever did that decides again, knowing what they said.
    """

    COMMIT_UNITS = auto()
    FREE_UNITS = auto()
    WRITE_OFF_UNITS = auto()
    CONFIRM_TO_BUYER = auto()
    TELL_REFUND = auto()
    ALERT = auto()
    OPEN_INTENT = auto()
    CANCEL_INTENTS = auto()
    REFUND_CAPTURES = auto()
    RECLAIM_UNITS = auto()


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What an order's row says; `restock` is the word of the operator who refunded it.

    `units` is no column: it is what the gates and Postgres have just said to late money.
    """

    status: OrderStatus
    total: Money
    payment_due_at: datetime
    paid_by: str | None
    restock: bool = True
    units: Units = "UNTRIED"


@dataclass(frozen=True, slots=True)
class Capture:
    """Money that the provider has taken for an order, and that was not sent back."""

    intent_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """All intents of an order together (protocol rule 8), as the provider tells them.

    `listed` tells that the provider's own list was read since: an intent that nobody here has
    heard of may be in it.
    """

    known: int
    open: int  # intents that can still move money
    captures: tuple[Capture, ...]  # in order of their intents' creation
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The next status (or the same one) and what has to happen with it."""

    status: OrderStatus
    effects: tuple[Effect, ...] = ()
    paid_by: str | None = None
    refund: tuple[Capture, ...] = ()


def decide(order: OrderFacts, payment: PaymentFacts, now: datetime) -> Decision:
    """Where an order goes from here. Lost, late, repeated and shuffled events end the same way.

    Nothing is freed while an intent can still move money, before an intent is known (one whose
    creation had an unknown outcome is created again with the same key first, rule 7), or before
    the provider's list was read for more.
    """
    match order.status:
        case "PENDING_PAYMENT":
            return _pending(order, payment, now)
        case "EXPIRING" | "CANCELLING":
            return _closing(order, payment)
        case "EXPIRED" | "CANCELLED":
            return _closed(order, payment)
        case "PAID":
            return _paid(order, payment)
        case "REFUND_PENDING":
            return _refunding(order, payment)
        case "REFUNDED":
            return _refunded(payment)
        case "UNDER_REVIEW" | "ABANDONED":
            return Decision(order.status)
        case _:
            assert_never(order.status)


def _pending(order: OrderFacts, payment: PaymentFacts, now: datetime) -> Decision:
    if payment.captures:
        return _captured(order, payment)
    if now >= order.payment_due_at:
        return Decision("EXPIRING", (Effect.CANCEL_INTENTS,))
    if not payment.known:
        return Decision("PENDING_PAYMENT", (Effect.OPEN_INTENT,))
    return Decision("PENDING_PAYMENT")


def _closing(order: OrderFacts, payment: PaymentFacts) -> Decision:
    if payment.captures:
        return _captured(order, payment)
    if payment.open or not payment.known or not payment.listed:
        return Decision(order.status, (Effect.CANCEL_INTENTS,))
    ended: OrderStatus = "EXPIRED" if order.status == "EXPIRING" else "CANCELLED"
    return Decision(ended, (Effect.FREE_UNITS,))


def _closed(order: OrderFacts, payment: PaymentFacts) -> Decision:
    """The units are gone already: late money takes them once more, or goes back (rule 9)."""
    if not payment.captures:
        return Decision(order.status, (Effect.CANCEL_INTENTS,) if payment.open else ())
    late = _captured(order, payment)
    if late.status == "PAID" and order.units == "UNTRIED":
        return Decision(order.status, (Effect.RECLAIM_UNITS,))
    if late.status == "PAID" and order.units == "REFUSED":
        return Decision("REFUND_PENDING", (Effect.REFUND_CAPTURES,), refund=payment.captures)
    return late


def _captured(order: OrderFacts, payment: PaymentFacts) -> Decision:
    first = payment.captures[0]
    if first.amount != order.total:
        return Decision("UNDER_REVIEW", (Effect.ALERT,))
    return Decision("PAID", (Effect.COMMIT_UNITS, Effect.CONFIRM_TO_BUYER), paid_by=first.intent_id)


def _paid(order: OrderFacts, payment: PaymentFacts) -> Decision:
    """One captured payment per order: every other one goes back."""
    effects: list[Effect] = []
    extra = tuple(c for c in payment.captures if c.intent_id != order.paid_by)
    if extra:
        effects.append(Effect.REFUND_CAPTURES)
    if payment.open:
        effects.append(Effect.CANCEL_INTENTS)
    return Decision("PAID", tuple(effects), refund=extra)


def _refunding(order: OrderFacts, payment: PaymentFacts) -> Decision:
    """All money goes back; the units follow when it is back and no more can come."""
    effects: list[Effect] = []
    if payment.captures:
        effects.append(Effect.REFUND_CAPTURES)
    if payment.open or not (payment.captures or (payment.known and payment.listed)):
        effects.append(Effect.CANCEL_INTENTS)
    if effects:
        return Decision("REFUND_PENDING", tuple(effects), refund=payment.captures)
    units = Effect.FREE_UNITS if order.restock else Effect.WRITE_OFF_UNITS
    return Decision("REFUNDED", (units, Effect.TELL_REFUND))


def _refunded(payment: PaymentFacts) -> Decision:
    """Money from an intent that nobody had heard of goes back too."""
    effects: list[Effect] = []
    if payment.captures:
        effects.append(Effect.REFUND_CAPTURES)
    if payment.open:
        effects.append(Effect.CANCEL_INTENTS)
    return Decision("REFUNDED", tuple(effects), refund=payment.captures)
