"""addToCart as the storefront asks for it (web/storefront/documents.js), for a crowd of buyers."""

from typing import Any, Final

import orjson

_MONEY: Final = "{ amountMinor currency }"
_CART: Final = f"""{{
      items {{
        quantity unitPrice {_MONEY} lineTotal {_MONEY} hold {{ state expiresAt }}
        deal {{ id title purchaseLimit product {{ name imageUrl }} }}
      }}
      total {_MONEY}
    }}"""
MUTATION: Final = f"""\
mutation Add($input: AddToCartInput!) {{
  answer: addToCart(input: $input) {{
    __typename
    ... on CartUpdated {{ cart {_CART} }}
    ... on SoldOut {{ dealId available }}
    ... on PurchaseLimitReached {{ dealId limit alreadyYours }}
    ... on DealNotLive {{ dealId phase startsAt endsAt }}
    ... on UserError {{ code message retryable retryAfterMs }}
  }}
}}"""

# All buyers come from one address here, and some of them again and again.
NO_LIMITS: Final = {
    "limit_cart_burst": "100000000",
    "limit_cart_per_second": "100000000",
    "limit_cart_address_burst": "100000000",
    "limit_cart_address_per_second": "100000000",
}
# A deal from which a whole turn may take; nobody reaches its limit.
PLENTY: Final = 10_000_000
NO_LIMIT: Final = 1_000


def add_body(deal: str = "$DEAL", *, key: str | None = "$KEY") -> bytes:
    """One unit of a deal; bench/load.lua fills in $DEAL and $KEY."""
    asked: dict[str, Any] = {"dealId": deal, "quantity": 1}
    if key is not None:
        asked["idempotencyKey"] = key
    told = {"query": MUTATION, "variables": {"input": asked}, "operationName": "Add"}
    return orjson.dumps(told)
