"""stockChanged: the live stock of some deals."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Final

import strawberry

from graph.context import ApiError, Info
from kit.ids import is_id
from resolvers.deals import Stock
from resolvers.described import subscription

MOST_DEALS: Final = 100


@strawberry.type
class StockSubscription:
    """The subscription to stock."""

    @subscription(
        "Each deal's present stock first, then newer stock only. Conflated to a few a second; "
        "a slow reader gets the newest. Sold out and back on sale come at once.",
        shared="EVERYBODY",
    )
    async def stock_changed(
        self,
        info: Info,
        deal_ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(
                description=f"1 to {MOST_DEALS} deals; those that do not exist are left out."
            ),
        ],
    ) -> AsyncGenerator[Stock, None]:
        """Push stock until the client has had enough."""
        known = await _known(info, deal_ids)
        hub = info.context.hub
        stocks = hub.present_stock if info.context.present_only else hub.watch_stock
        async with aclosing(stocks(known)) as views:
            async for view in views:
                info.context.tell_of(view.deal_id, view.order)
                yield Stock.of(view)


async def _known(info: Info, deal_ids: list[strawberry.ID]) -> list[str]:
    if not 1 <= len(deal_ids) <= MOST_DEALS:
        message = f"dealIds must name 1 to {MOST_DEALS} deals."
        raise ApiError("BAD_USER_INPUT", message, field="dealIds")
    shaped = [deal_id for deal_id in deal_ids if is_id("deal", deal_id)]
    found = await info.context.resources.dealbook.many(shaped)
    known = [str(deal_id) for deal_id in shaped if deal_id in found]
    if not known:
        raise ApiError("NOT_FOUND", "There are no such deals.")
    return known
