"""What the sale needs of a payment provider, in our own words."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

IntentStatus = Literal["REQUIRES_PAYMENT", "PROCESSING", "SUCCEEDED", "FAILED", "CANCELLED"]
"""FAILED: the last attempt was declined, and the buyer may try again. Only SUCCEEDED and
CANCELLED are ends; in every other status money can still move."""

RefundStatus = Literal["PENDING", "SUCCEEDED", "FAILED"]


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A wish to open the payment intent of one order."""

    order_id: str
    user_id: str
    order_number: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Intent:
    """The provider's object for one payment, as it was when it answered.

    `currency` is upper case. `order_id` and `user_id` are what we wrote into its metadata, None
    where somebody else opened it. `client_secret` is for the buyer's page alone.
    """

    id: str
    status: IntentStatus
    amount_minor: int
    amount_received_minor: int
    currency: str
    client_secret: str | None
    failure_message: str | None
    order_id: str | None
    user_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back, or back."""

    id: str
    status: RefundStatus


class Gateway(Protocol):
    """A payment provider.

    Every method raises ProviderUnreachable when the outcome is unknown (repeat it: each may be
    repeated) and ProviderRefused when the provider will not do it.
    """

    @property
    def publishable_key(self) -> str:
        """The key that a storefront may know; with a client secret it can pay."""
        ...

    @property
    def wait_seconds(self) -> float:
        """How long an intent that is asked for now has to wait for its turn at the provider."""
        ...

    async def open_intent(self, request: OpenIntent) -> Intent:
        """Open the intent of an order, or find the one that an earlier call opened.

        The provider's idempotency key comes from the order id alone, so another amount for the
        same order is refused instead of opening a second intent.
        """
        ...

    async def retrieve(self, intent_id: str) -> Intent:
        """The intent's present state. ProviderRefused("resource_missing") if there is none."""
        ...

    async def cancel(self, intent_id: str) -> Intent:
        """Cancel an intent unless it has ended or money is moving; the caller reads the status.

        CANCELLED: no money can move any more. SUCCEEDED: it was too late. PROCESSING: not yet.
        """
        ...

    async def intents_of(self, order_id: str, since: datetime) -> list[Intent]:
        """All intents of an order created since a moment, oldest first, from the provider's list.

        Raises ListingTooLong rather than answering with a part of them.
        """
        ...

    def intents_since(self, since: datetime, *, most_pages: int) -> AsyncIterator[Sequence[Intent]]:
        """All intents created since a moment, ours and others', newest first, page by page.

        Raises ListingTooLong behind the last of `most_pages` pages when there are more.
        """
        ...

    async def refund_of(self, intent_id: str, *, order_id: str) -> Refund | None:
        """The refund that was sent for an order and intent, None when there is none."""
        ...

    async def refund(self, intent_id: str, *, order_id: str, amount_minor: int) -> Refund:
        """Send captured money back, once for an order and intent however often it is called."""
        ...

    async def aclose(self) -> None:
        """Close the connections to the provider."""
        ...
