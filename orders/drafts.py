"""Orders on their way into Postgres, and what can become of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kit.ids import sibling
from kit.money import Money

CLAIMED: Final = 1
SOLD: Final = 2
FREED: Final = 3
SOLD_AGAIN: Final = 4
FREED_AGAIN: Final = 5
"""Ranks of the messages from Postgres to the gate about one order (protocol rule 4)."""


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line as its checkout fixed it, and the epoch under which the gate confirmed its claim.

    `epoch` is None where the gate is out of reach and Postgres alone decides.
    """

    deal_id: str
    title: str
    quantity: int
    unit_price_minor: int
    epoch: int | None


@dataclass(frozen=True, slots=True)
class Draft:
    """An order whose units the gate has claimed; `key` is the client's idempotency key."""

    user_id: str
    checkout_id: str
    lines: tuple[DraftLine, ...]
    total: Money
    placed_at: datetime
    payment_due_at: datetime
    key: str
    request_hash: bytes

    @property
    def order_id(self) -> str:
        """Follows from the checkout, so that a repeat meets the same claim and the same row."""
        return sibling("ord", self.checkout_id)

    @property
    def number(self) -> str:
        """What a person reads out on the telephone."""
        return number_of(self.order_id)


def number_of(order_id: str) -> str:
    """The number of an order as a person reads it out: FS-7K3M-2Q9X-4D."""
    tail = order_id[-10:].upper()
    return f"FS-{tail[:4]}-{tail[4:8]}-{tail[8:]}"


@dataclass(frozen=True, slots=True)
class Placed:
    """The order is durable; `fresh` tells that this request made it so."""

    order_id: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Postgres has fewer units than the gate promised; nothing was written."""

    deal_id: str
    unclaimed: int


@dataclass(frozen=True, slots=True)
class OverLimit:
    """The buyer has as many as one may have over all orders; nothing was written."""

    deal_id: str
    limit: int
    already: int


@dataclass(frozen=True, slots=True)
class GateMoved:
    """The gate was rebuilt since it confirmed the claim (protocol rule 3); nothing was written."""

    deal_id: str


@dataclass(frozen=True, slots=True)
class OffSale:
    """The deal is paused, and no gate was there to say so; nothing was written."""

    deal_id: str


@dataclass(frozen=True, slots=True)
class Abandoned:
    """This order's claim was given up before the order arrived (rule 2); nothing was written."""


@dataclass(frozen=True, slots=True)
class KeyTaken:
    """The idempotency key belongs to another request; nothing was written."""


Outcome = Placed | Refused | OverLimit | GateMoved | OffSale | Abandoned | KeyTaken
