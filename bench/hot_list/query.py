"""The list of deals as the storefront asks for it (web/storefront/documents.js), twenty of them."""

from typing import Any, Final

import orjson

DEALS: Final = 20
_MONEY: Final = "{ amountMinor currency }"
# Neither secondsRemaining nor asOf: the storefront counts down by endsAt and the server's clock.
QUERY: Final = f"""\
query Deals($phase: DealPhase, $sort: DealSort!, $first: Int!) {{
  deals(phase: $phase, sort: $sort, first: $first) {{
    nodes {{
      id title price {_MONEY} listPrice {_MONEY} discountPercent phase startsAt endsAt purchaseLimit
      product {{ name category imageUrl }}
      stock {{ dealId allotment available held sold level epoch version }}
    }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}"""


def body(remark: str = "") -> bytes:
    """The request; with a remark it is another document that asks for the same."""
    asked: dict[str, Any] = {
        "query": f"{QUERY}\n# {remark}" if remark else QUERY,
        "variables": {"phase": "LIVE", "sort": "ENDING_SOON", "first": DEALS},
        "operationName": "Deals",
    }
    return orjson.dumps(asked)
