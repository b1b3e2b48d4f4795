"""cartChanged: the viewer's cart, in all their tabs."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from graph.context import Info
from orders.cart import CartView
from orders.errors import TryLater
from resolvers.carts import Cart, cart_of
from resolvers.described import subscription


@strawberry.type
class CartSubscription:
    """The subscription to the viewer's cart."""

    @subscription("Your cart now, and whenever a hold lapsed or another tab changed it.")
    async def cart_changed(self, info: Info) -> AsyncGenerator[Cart, None]:
        """Push the viewer's cart until the client has had enough."""
        viewer = await info.context.viewer()
        async with aclosing(info.context.hub.watch_cart(viewer.user_id)) as changes:
            async for _ in changes:
                view = await _read(info, viewer.user_id)
                info.context.loaders.forget()
                yield await cart_of(info, view)


async def _read(info: Info, user_id: str) -> CartView:
    """The cart; while Redis is away, as soon as it is back."""
    while True:
        try:
            return await info.context.resources.carts.read(user_id)
        except TryLater as later:
            await asyncio.sleep(later.retry_after_ms / 1000)
