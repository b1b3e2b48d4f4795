"""The requests of W2, as bytes that only have to be sent."""

from typing import Final

import orjson

from bench.hot_list import query as hot_list

# A storefront's page of a deal.
DETAIL: Final = (
    "query Deal($id: ID!) { deal(id: $id) { id title phase price { amountMinor currency }"
    " listPrice { amountMinor currency } discountPercent startsAt endsAt purchaseLimit"
    " product { id name description category imageUrl attributes { name value } }"
    " stock { available held sold allotment level epoch version } } }"
)
_ADD: Final = (
    "mutation Add($input: AddToCartInput!) { addToCart(input: $input) { __typename"
    " ... on CartUpdated { cart { items { deal { id title } quantity lineTotal { amountMinor }"
    " hold { state expiresAt } } total { amountMinor currency } } }"
    " ... on UserError { code message retryable retryAfterMs } } }"
)
_CHECKOUT: Final = (
    "mutation Checkout { checkout { __typename ... on Checkout { id expiresAt"
    " total { amountMinor currency } items { deal { id title } quantity"
    " unitPrice { amountMinor } } } ... on UserError { code message retryable retryAfterMs } } }"
)
_PLACE: Final = (
    "mutation Place($input: PlaceOrderInput!) { placeOrder(input: $input) { __typename"
    " ... on OrderPlaced { order { id number status total { amountMinor currency } paymentDueAt"
    " payment { status clientSecret publishableKey } } }"
    " ... on UserError { code message retryable retryAfterMs } } }"
)


def deal_list() -> bytes:
    """The list of W1: the same bytes from everybody."""
    return _post(hot_list.body(), b"")


def personal(token: bytes, query: str, variables: dict[str, object]) -> bytes:
    """A request of somebody who is signed in."""
    return _personal(token, _body(query, variables))


def detail(deal_id: str) -> bytes:
    """A deal's page, also the same from everybody."""
    return _post(_body(DETAIL, {"id": deal_id}), b"")


def add(token: bytes, deal_id: str, key: str | None) -> bytes:
    """One unit into the cart."""
    given: dict[str, object] = {"dealId": deal_id, "quantity": 1}
    if key is not None:
        given["idempotencyKey"] = key
    return _personal(token, _body(_ADD, {"input": given}))


def checkout(token: bytes) -> bytes:
    """Freeze the cart."""
    return _personal(token, _body(_CHECKOUT, None))


def place(token: bytes, checkout_id: str, total: dict[str, object]) -> bytes:
    """Agree to a checkout; its own id is the key, so a repeat would be the same order."""
    given = {"checkoutId": checkout_id, "idempotencyKey": checkout_id, "expectedTotal": total}
    return _personal(token, _body(_PLACE, {"input": given}))


def _body(query: str, variables: dict[str, object] | None) -> bytes:
    return orjson.dumps(
        {"query": query} if variables is None else {"query": query, "variables": variables}
    )


def _personal(token: bytes, body: bytes) -> bytes:
    return _post(body, b"Authorization: Bearer " + token + b"\r\n")


def _post(body: bytes, header: bytes) -> bytes:
    return b"".join(
        (
            b"POST /graphql HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n",
            header,
            b"Content-Length: %d\r\n\r\n" % len(body),
            body,
        )
    )
