"""What the e-mails say: the facts of a notice in, a subject and a text out."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kit.money import Money


class Line(BaseModel):
    """One line of an order as the buyer agreed to it."""

    model_config = ConfigDict(frozen=True)

    title: str
    quantity: int
    unit_price_minor: int


class OrderConfirmed(BaseModel):
    """The fact that an order is paid."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["order_confirmed"] = "order_confirmed"
    order_number: str
    lines: tuple[Line, ...]
    total_minor: int
    currency: str


class SentBack(BaseModel):
    """One payment that went back to whoever made it."""

    model_config = ConfigDict(frozen=True)

    amount_minor: int
    currency: str


class OrderRefunded(BaseModel):
    """The fact that the money of an order was sent back, payment by payment."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["order_refunded"] = "order_refunded"
    order_number: str
    payments: tuple[SentBack, ...]


class HoldLapsing(BaseModel):
    """The fact that a hold lapses soon; worth telling only before it does."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["hold_lapsing"] = "hold_lapsing"
    title: str
    quantity: int
    lapses_at: datetime


AnyNotice = OrderConfirmed | OrderRefunded | HoldLapsing
Notice = Annotated[AnyNotice, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Mail:
    """A subject of one line, and a plain text."""

    subject: str
    text: str


def compose(notice: AnyNotice, *, name: str) -> Mail:
    """The e-mail that tells this fact to somebody of this name."""
    match notice:
        case OrderConfirmed():
            return _order_confirmed(notice, name)
        case OrderRefunded():
            return _order_refunded(notice, name)
        case HoldLapsing():
            return _hold_lapsing(notice, name)


def _order_confirmed(notice: OrderConfirmed, name: str) -> Mail:
    lines = "\n".join(
        f"  {line.quantity} x {_one_line(line.title)}"
        f"   {Money(line.quantity * line.unit_price_minor, notice.currency)}"
        for line in notice.lines
    )
    return Mail(
        subject=f"Your order {_one_line(notice.order_number)} is paid",
        text=(
            f"Hello {name},\n\n"
            f"thank you. Your payment for order {notice.order_number} has arrived:\n\n"
            f"{lines}\n\n"
            f"  Total   {Money(notice.total_minor, notice.currency)}\n\n"
            "The items are yours; nobody else can buy them any more.\n"
        ),
    )


def _order_refunded(notice: OrderRefunded, name: str) -> Mail:
    payments = "\n".join(
        f"  {Money(payment.amount_minor, payment.currency)}" for payment in notice.payments
    )
    return Mail(
        subject=f"Your money for order {_one_line(notice.order_number)} is on its way back",
        text=(
            f"Hello {name},\n\n"
            f"what was paid for order {notice.order_number} was sent back:\n\n"
            f"{payments}\n\n"
            "How soon it arrives is up to your bank; a few working days are usual.\n"
        ),
    )


def _hold_lapsing(notice: HoldLapsing, name: str) -> Mail:
    until = notice.lapses_at.astimezone(UTC)
    title = _one_line(notice.title)
    return Mail(
        subject=f"Still yours for a moment: {title}",
        text=(
            f"Hello {name},\n\n"
            f"we are keeping {notice.quantity} x {title} in your cart until"
            f" {until:%H:%M:%S} UTC.\n"
            "After that anybody can buy what you have not ordered.\n"
        ),
    )


def _one_line(text: str) -> str:
    """Without line breaks: a subject that has one would be another header."""
    return " ".join(text.split())
