"""Refusals that a buyer or an operator meets in normal use, as facts with their data."""

from datetime import datetime
from typing import Final

import asyncpg
from redis.exceptions import RedisError

from kit.money import Money
from orders.phases import Phase

OUT_OF_REACH: Final = (
    RedisError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    # Of a server that ends a session, at its restart, just when a query is sent over it.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""A store that is away, restarting, or out of room: the world failing, not us. The outcome is
unknown; whoever asked may repeat the same request."""


class Refusal(Exception):
    """Base of all refusals: something was refused, and nothing was changed."""


class NotFound(Refusal):
    """There is no such thing, or it is somebody else's: the two are told alike."""

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")
        self.what = what


class InvalidInput(Refusal):
    """A value cannot be used; `message` says what would be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class CartEmpty(Refusal):
    """There is nothing to check out."""

    def __init__(self) -> None:
        super().__init__("Your cart is empty.")


class HoldLapsed(Refusal):
    """The units are no longer set aside: the hold ran out, or the cart was changed."""

    def __init__(self, deal_id: str) -> None:
        super().__init__("Your hold has lapsed. Add the deal again.")
        self.deal_id = deal_id


class DealNotLive(Refusal):
    """The deal takes no holds at this moment."""

    def __init__(
        self, deal_id: str, *, phase: Phase, starts_at: datetime, ends_at: datetime
    ) -> None:
        super().__init__(
            {
                "SCHEDULED": "This deal has not started yet.",
                "PAUSED": "This deal is paused.",
                "ENDED": "This deal has ended.",
                "LIVE": "This deal is opening right now. Try again.",
            }[phase]
        )
        self.deal_id = deal_id
        self.phase = phase
        self.starts_at = starts_at
        self.ends_at = ends_at


class SoldOut(Refusal):
    """Fewer units are left than were asked for."""

    def __init__(self, deal_id: str, *, available: int) -> None:
        super().__init__("Sold out." if available == 0 else f"Only {available} left.")
        self.deal_id = deal_id
        self.available = available


class PurchaseLimitReached(Refusal):
    """More than one buyer may hold and buy, over all orders."""

    def __init__(self, deal_id: str, *, limit: int, already_yours: int) -> None:
        super().__init__(f"At most {limit} for each buyer; you have {already_yours} already.")
        self.deal_id = deal_id
        self.limit = limit
        self.already_yours = already_yours


class PriceChanged(Refusal):
    """The total that the buyer expects is not the checkout's."""

    def __init__(self, total: Money) -> None:
        super().__init__(f"The total is {total}.")
        self.total = total


class IdempotencyKeyReused(Refusal):
    """The key was used before, for something else."""

    def __init__(self) -> None:
        super().__init__("This idempotency key was used for another request.")


class OrderNotCancellable(Refusal):
    """The order is past the point where its buyer may cancel it."""

    def __init__(self, status: str) -> None:
        super().__init__(f"An order that is {status} cannot be cancelled.")
        self.status = status


class TryLater(Refusal):
    """Something is out of reach or too busy; the same request may be repeated.

    `deal_id` is the deal whose gate it is about, when it is about one.
    """

    def __init__(self, *, retry_after_ms: int, reason: str, deal_id: str | None = None) -> None:
        super().__init__(f"Please try again in a moment: {reason}.")
        self.deal_id = deal_id
        self.retry_after_ms = retry_after_ms
        self.reason = reason


class GateOutOfReach(TryLater):
    """Redis does not answer: whether the attempt was made at the gate is unknown."""

    def __init__(self, deal_id: str | None = None) -> None:
        super().__init__(retry_after_ms=1_000, reason="the stock is out of reach", deal_id=deal_id)
