"""cartChanged: the viewer's cart, in all their tabs."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import strawberry

from graph.context import Info
from resolvers.carts import Cart, cart_of
from resolvers.described import subscription
from subscriptions.patience import patiently


@strawberry.type
class CartSubscription:
    """The subscription to the viewer's cart."""

    @subscription(
        "Your cart now, and whenever a hold lapsed or another tab changed it.", shared="SESSION"
    )
    async def cart_changed(self, info: Info) -> AsyncGenerator[Cart, None]:
        """Push the viewer's cart until the client has had enough."""
        viewer = await info.context.viewer()
        async with aclosing(info.context.hub.watch_cart(viewer.user_id)) as changes:
            async for _ in changes:
                yield await patiently(partial(_present, info, viewer.user_id))
                if info.context.present_only:
                    return


async def _present(info: Info, user_id: str) -> Cart:
    info.context.tell_of(user_id)
    info.context.loaders.forget()
    return await cart_of(info, await info.context.resources.carts.read(user_id))
