"""placeOrder as a storefront asks for it, as the bytes of a request."""

from typing import Final

import orjson

_QUERY: Final = """\
mutation PlaceOrder($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    __typename
    ... on OrderPlaced {
      order {
        id number status placedAt paymentDueAt
        total { amountMinor currency }
        lines { title quantity unitPrice { amountMinor } lineTotal { amountMinor } deal { id } }
        payment { status intentId clientSecret publishableKey failureMessage }
      }
    }
    ... on UserError { code message retryable retryAfterMs }
  }
}"""


def request(token: str, *, checkout_id: str, total_minor: int) -> bytes:
    """One placeOrder of a buyer; its key is the checkout's id."""
    given = {
        "checkoutId": checkout_id,
        "idempotencyKey": checkout_id,
        "expectedTotal": {"amountMinor": total_minor, "currency": "USD"},
    }
    body = orjson.dumps(
        {"query": _QUERY, "variables": {"input": given}, "operationName": "PlaceOrder"}
    )
    head = (
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
