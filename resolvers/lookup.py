"""What belongs to no noun: the server's clock, and whatever has an id."""

from datetime import datetime
from typing import Annotated

import strawberry

from graph.context import Info
from kit.ids import kind_of
from resolvers.accounts import find_viewer
from resolvers.deals import find_deal
from resolvers.described import field
from resolvers.node import Node
from resolvers.orders import find_order
from resolvers.products import find_product


@strawberry.type
class LookupQuery:
    """The queries that belong to no noun."""

    @field("The server's clock: what every phase and deadline goes by.")
    def server_time(self, info: Info) -> datetime:
        """Tell the time."""
        return info.context.resources.clock.now()

    @field(
        "Whatever has this id. Deals and products for anyone, orders and users only for "
        "themselves; else null."
    )
    async def node(
        self,
        info: Info,
        node_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="Its id.")],
    ) -> Node | None:
        """Find a thing by the kind that its id names."""
        match kind_of(node_id):
            case "deal":
                return await find_deal(info, node_id)
            case "prod":
                return await find_product(info, node_id)
            case "ord":
                viewer = await info.context.viewer_or_none()
                if viewer is None:
                    return None
                return await find_order(info, viewer.user_id, node_id)
            case "usr":
                user = await find_viewer(info)
                return user if user is not None and user.id == node_id else None
            case _:
                return None
