"""Stripe as the payment provider, through its own SDK."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, cast

import stripe

from kit.settings import Settings
from payments.errors import ProviderRefused, ProviderUnreachable
from payments.gateway import Intent, IntentStatus, OpenIntent, Refund, RefundStatus
from payments.listing import IntentListing, Page
from payments.pace import Pace
from payments.transport import ProviderTransport

# One repeat outlives a dropped connection; it waits half a second, and jobs repeat the rest.
MOST_REPEATS: Final = 1
# Of Stripe's list: https://docs.stripe.com/api/pagination
_PAGE = 100
# An intent has one refund of ours; the rest are an operator's, made by hand.
_MOST_REFUNDS = 100


class StripeGateway:
    """A payments.gateway.Gateway. Everything it sends may be sent again."""

    def __init__(self, settings: Settings) -> None:
        # The SDK would write a file into the home folder and tell Stripe about this host.
        stripe.enable_telemetry = False
        self._publishable_key = settings.stripe_publishable_key
        self._shop = settings.shop
        base = settings.stripe_api_base.rstrip("/") or stripe.DEFAULT_API_BASE
        self._transport = ProviderTransport(base)
        self._client = stripe.StripeClient(
            settings.stripe_api_key.get_secret_value(),
            base_addresses={"api": base},
            http_client=self._transport,
            max_network_retries=MOST_REPEATS,
        )
        self._pace = Pace(settings.intents_per_second)
        self._listing = IntentListing(self._list_page)

    @property
    def publishable_key(self) -> str:
        """The key that a storefront may know; with a client secret it can pay."""
        return self._publishable_key

    @property
    def wait_seconds(self) -> float:
        """How long an intent that is asked for now has to wait for its turn in this process."""
        return self._pace.wait_seconds

    async def open_intent(self, request: OpenIntent) -> Intent:
        """Open the intent of an order, or find the one that an earlier call opened.

        Waits for its turn: Stripe allows few creations a second. May be repeated for as long as
        Stripe remembers the key (24 hours); `intents_of` finds what was opened before that.
        """
        await self._pace.wait()
        with _translated():
            # Cards alone: they settle at once, so an order's deadline means something.
            made = await self._client.v1.payment_intents.create_async(
                {
                    "amount": request.amount_minor,
                    "currency": request.currency.lower(),
                    "allowed_payment_method_types": ["card"],
                    "description": f"Order {request.order_number}",
                    "metadata": {
                        "order_id": request.order_id,
                        "user_id": request.user_id,
                        "shop": self._shop,
                    },
                },
                {"idempotency_key": f"flashsale-intent-{request.order_id}"},
            )
            replayed = (made.last_response.headers if made.last_response else {}).get(
                "idempotent-replayed"
            )
        if replayed == "true":
            # Stripe repeats its first answer word for word; the intent may have moved on.
            return await self.retrieve(made.id)
        return _intent(made.to_dict(), shop=self._shop)

    async def retrieve(self, intent_id: str) -> Intent:
        """The intent's present state. ProviderRefused("resource_missing") if there is none."""
        with _translated():
            found = await self._client.v1.payment_intents.retrieve_async(intent_id)
        return _intent(found.to_dict(), shop=self._shop)

    async def cancel(self, intent_id: str) -> Intent:
        """Cancel an intent unless it has ended or money is moving; the caller reads the status."""
        try:
            with _translated():
                ended = await self._client.v1.payment_intents.cancel_async(intent_id)
        except ProviderRefused as refusal:
            if refusal.code != "payment_intent_unexpected_state":
                raise
            return await self.retrieve(intent_id)
        return _intent(ended.to_dict(), shop=self._shop)

    async def intents_of(self, order_id: str, since: datetime) -> list[Intent]:
        """All intents of an order created since a moment, oldest first, from Stripe's list."""
        return await self._listing.intents_of(order_id, since)

    def intents_since(self, since: datetime, *, most_pages: int) -> AsyncIterator[Sequence[Intent]]:
        """All intents created since a moment, newest first, page by page."""
        return self._listing.pages_since(since, most_pages=most_pages)

    async def refund_of(self, intent_id: str, *, order_id: str) -> Refund | None:
        """The refund that was sent for an order and intent, None when there is none.

        Its metadata names the order; what an operator sent back by hand is not one of ours.
        """
        return _ours(await self._refunds(intent_id), order_id)

    async def refund(self, intent_id: str, *, order_id: str, amount_minor: int) -> Refund:
        """Send captured money back, once for an order and intent however often it is called.

        Stripe forgets idempotency keys after 24 hours, so the refund is looked for first. What an
        operator sent back by hand counts: it is the way out where a refund of ours has failed.
        """
        refunds = await self._refunds(intent_id)
        counted = [body for body in refunds if _refund(body).status != "FAILED"]
        left = amount_minor - sum(body["amount"] for body in counted)
        if counted and left <= 0:
            return min(map(_refund, counted), key=lambda refund: refund.status == "SUCCEEDED")
        sent_before = _ours(refunds, order_id)
        if sent_before is not None:
            return sent_before
        with _translated():
            sent = await self._client.v1.refunds.create_async(
                {
                    "payment_intent": intent_id,
                    "amount": left,
                    "metadata": {"order_id": order_id},
                },
                {"idempotency_key": f"flashsale-refund-{order_id}-{intent_id}"},
            )
        return _refund(sent.to_dict())

    async def aclose(self) -> None:
        """Close the connections to Stripe."""
        await self._transport.close_async()

    async def _refunds(self, intent_id: str) -> list[dict[str, Any]]:
        """All refunds of an intent, newest first, whoever made them."""
        with _translated():
            made = await self._client.v1.refunds.list_async(
                {"payment_intent": intent_id, "limit": _MOST_REFUNDS}
            )
            return [refund.to_dict() for refund in made.data]

    async def _list_page(self, since: datetime, after: str | None) -> Page:
        """One page of the list of intents, newest first, without the SDK's costly objects."""
        params: dict[str, Any] = {"limit": _PAGE, "created": {"gte": int(since.timestamp())}}
        if after is not None:
            params["starting_after"] = after
        with _translated():
            answer = await self._client.raw_request_async("get", "/v1/payment_intents", **params)
        body = cast("Mapping[str, Any]", answer.data)
        return Page(
            [_intent(each, shop=self._shop) for each in body["data"]], more=bool(body["has_more"])
        )


@contextmanager
def _translated() -> Iterator[None]:
    """The SDK's errors in our words. Only an answer that Stripe reasoned about is a refusal."""
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise ProviderUnreachable(str(error)) from error
    except stripe.StripeError as error:
        status = error.http_status or 0
        if status >= 500 or status == 409 or status < 400:  # noqa: PLR2004 - HTTP's own numbers
            raise ProviderUnreachable(str(error)) from error
        code = error.code or (error.error.type if error.error else None) or f"http_{status}"
        raise ProviderRefused(code, error.user_message or "") from error


def _intent(body: Mapping[str, Any], *, shop: str) -> Intent:
    """What Stripe says of an intent. That of another shop names no order and no user of ours."""
    failure = body.get("last_payment_error") or {}
    metadata = body.get("metadata") or {}
    if metadata.get("shop", shop) != shop:
        metadata = {}
    return Intent(
        id=body["id"],
        status=_status(body["status"], failed=bool(failure)),
        amount_minor=body["amount"],
        amount_received_minor=body.get("amount_received") or 0,
        currency=str(body["currency"]).upper(),
        client_secret=body.get("client_secret"),
        failure_message=failure.get("message"),
        order_id=metadata.get("order_id"),
        user_id=metadata.get("user_id"),
        created_at=datetime.fromtimestamp(body["created"], UTC),
    )


def _status(word: str, *, failed: bool) -> IntentStatus:
    """Our word for a status of https://docs.stripe.com/payments/paymentintents/lifecycle."""
    match word:
        case "requires_payment_method":
            return "FAILED" if failed else "REQUIRES_PAYMENT"
        case "requires_confirmation" | "requires_action":
            return "REQUIRES_PAYMENT"
        case "processing" | "requires_capture":
            return "PROCESSING"
        case "succeeded":
            return "SUCCEEDED"
        case "canceled":
            return "CANCELLED"
        case _:
            raise AssertionError(f"an intent's status that Stripe does not document: {word}")


def _ours(refunds: Sequence[Mapping[str, Any]], order_id: str) -> Refund | None:
    """The newest refund whose metadata names the order."""
    for body in refunds:
        if (body.get("metadata") or {}).get("order_id") == order_id:
            return _refund(body)
    return None


def _refund(body: Mapping[str, Any]) -> Refund:
    return Refund(id=body["id"], status=_refund_status(body.get("status")))


def _refund_status(word: str | None) -> RefundStatus:
    match word:
        case "succeeded":
            return "SUCCEEDED"
        case "pending" | "requires_action" | None:
            return "PENDING"
        case "failed" | "canceled":
            return "FAILED"
        case _:
            raise AssertionError(f"a refund's status that Stripe does not document: {word}")
