"""What announcements say, as those who watch know it."""

from collections.abc import Mapping
from typing import Any

from kit.clock import from_ms
from orders.stockboard import StockView


def view_of_news(news: Mapping[str, Any]) -> StockView:
    """The stock that an announcement tells.

    Raises:
        KeyError, TypeError: it is not one that we know.
    """
    return StockView(
        deal_id=news["deal_id"],
        allotment=news["allotment"],
        available=news["available"],
        held=news["held"],
        sold=news["sold"],
        epoch=news["epoch"],
        version=news["version"],
        as_of=from_ms(news["as_of_ms"]),
    )


def order_key(user_id: str, order_id: str) -> str:
    """What a buyer's order is watched by."""
    return f"{user_id} {order_id}"
