"""dealChanged: deals that open, end, or are changed by an operator."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import strawberry

from graph.context import Info
from resolvers.deals import Deal
from resolvers.described import subscription
from subscriptions.patience import patiently


@strawberry.type
class DealSubscription:
    """The subscription to all deals."""

    @subscription(
        "A deal whenever one was created, opened, paused, resumed, ended or edited.",
        shared="EVERYBODY",
    )
    async def deal_changed(self, info: Info) -> AsyncGenerator[Deal, None]:
        """Push deals that changed until the client has had enough."""
        if info.context.present_only:
            return  # it tells of changes alone
        resources = info.context.resources
        async with aclosing(info.context.hub.watch_deals()) as deal_ids:
            async for deal_id in deal_ids:
                info.context.tell_of(deal_id)
                deal = await patiently(partial(resources.dealbook.get, deal_id))
                if deal is not None:
                    info.context.loaders.forget()
                    yield Deal.of(deal, resources.clock.now())
