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


class HoldLapsing(BaseModel):
    """The fact that a hold lapses soon; worth telling only before it does."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["hold_lapsing"] = "hold_lapsing"
    title: str
    quantity: int
    lapses_at: datetime


Notice = Annotated[OrderConfirmed | HoldLapsing, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Mail:
    """A subject of one line, and a plain text."""

    subject: str
    text: str


def compose(notice: OrderConfirmed | HoldLapsing, *, name: str) -> Mail:
    """The e-mail that tells this fact to somebody of this name."""
    match notice:
        case OrderConfirmed():
            return _order_confirmed(notice, name)
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
