"""orderChanged: where an order is, and its payment."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Annotated

import strawberry

from graph.context import ApiError, Info
from orders.archive import OrderView
from resolvers.described import subscription
from resolvers.orders import Order, order_of
from subscriptions.patience import patiently


@strawberry.type
class OrderSubscription:
    """The subscription to one of the viewer's orders."""

    @subscription(
        "Your order now, and whenever its status or its payment changed.", shared="SESSION"
    )
    async def order_changed(
        self,
        info: Info,
        order_id: Annotated[strawberry.ID, strawberry.argument(description="The order's id.")],
    ) -> AsyncGenerator[Order, None]:
        """Push an order of the viewer's until the client has had enough."""
        viewer = await info.context.viewer()
        async with aclosing(info.context.hub.watch_order(viewer.user_id, order_id)) as changes:
            async for _ in changes:
                view = await patiently(partial(_present, info, viewer.user_id, order_id))
                if view is None:
                    raise ApiError("NOT_FOUND", "There is no such order.")
                info.context.loaders.forget()
                yield order_of(info, view)
                if info.context.present_only:
                    return


async def _present(info: Info, user_id: str, order_id: str) -> OrderView | None:
    info.context.tell_of(order_id, repeats=False)
    return await info.context.resources.archive.order(user_id, order_id)
