"""The control room: what operators see of a sale at a glance, and everybody's orders."""

from datetime import datetime
from typing import Annotated, cast

import strawberry

from graph.context import Info
from orders.control_room import DealFloor as DealFloorView
from orders.control_room import RoomView
from orders.decision import OrderStatus as Status
from orders.paging import BadCursor
from resolvers.connections import PAGE, After, First, PageInfo, bad_cursor, window
from resolvers.described import field
from resolvers.orders import OrderConnection, OrderEdge, order_of
from resolvers.refusals import UserErrorCode
from resolvers.statuses import OrderStatus


@strawberry.type(description="How many orders are in a status.")
class OrderCount:
    status: OrderStatus = strawberry.field(description="The status.")
    count: int = strawberry.field(description="Orders that are in it now.")


@strawberry.type(description="How many differences of one class there are between the stores.")
class DriftCount:
    class_: str = strawberry.field(
        name="class", description="The class; the runbook says what each means and what to do."
    )
    found: int = strawberry.field(description="Differences ever found.")
    open: int = strawberry.field(description="Those that are not mended yet.")


@strawberry.type(description="How often a deal refused with one code.")
class RefusalCount:
    code: UserErrorCode = strawberry.field(description="The refusal's code.")
    count: int = strawberry.field(description="How often; a buyer who tries again counts again.")


@strawberry.type(description="What buyers do not see of a deal.")
class DealFloor:
    deal_id: strawberry.ID = strawberry.field(description="The deal.")
    safety_stock: int = strawberry.field(description="Units withheld from sale.")
    refused: int = strawberry.field(
        description="Refusals, about a second behind; forgotten after a day without any."
    )
    refusals: list[RefusalCount] = strawberry.field(
        description="The same by code; codes that never came up are left out."
    )

    @classmethod
    def of(cls, floor: DealFloorView) -> "DealFloor":
        """A deal; codes that a newer process counts are in the sum alone."""
        return cls(
            deal_id=strawberry.ID(floor.deal_id),
            safety_stock=floor.safety_stock,
            refused=floor.refused,
            refusals=[
                RefusalCount(code=code, count=floor.refusals[code.name])
                for code in UserErrorCode
                if code.name in floor.refusals
            ],
        )


@strawberry.type(description="A sale at a glance. Read once a second, however many ask.")
class ControlRoom:
    as_of: datetime = strawberry.field(description="When the figures were read.")
    sockets: int = strawberry.field(
        description="WebSockets open, in all API processes; about a second behind."
    )
    processes: int = strawberry.field(description="API processes heard of in the last 5 s.")
    orders: list[OrderCount] = strawberry.field(
        description="Orders of all time by status, in the order of OrderStatus; also 0."
    )
    drift: list[DriftCount] = strawberry.field(
        description="Differences between the stores by class, every class."
    )
    deals: list[DealFloor] = strawberry.field(
        description="Deals that have not ended, the next to end first, then those that ended "
        "within a day; at most 500."
    )

    @classmethod
    def of(cls, view: RoomView) -> "ControlRoom":
        """The figures of one look."""
        return cls(
            as_of=view.as_of,
            sockets=view.sockets,
            processes=view.processes,
            orders=[
                OrderCount(status=status, count=view.orders.get(status.name, 0))
                for status in OrderStatus
            ],
            drift=[
                DriftCount(class_=kind, found=found, open=still)
                for kind, (found, still) in view.drift.items()
            ],
            deals=[DealFloor.of(floor) for floor in view.deals],
        )


@strawberry.type
class ControlRoomQuery:
    """The operators' queries of everything at once."""

    @field("A sale at a glance. Operators only.")
    async def control_room(self, info: Info) -> ControlRoom:
        """Look at the figures."""
        await info.context.operator()
        return ControlRoom.of(await info.context.resources.control_room.look())

    @field("Everybody's orders, newest first, in pages of at most 100. Operators only.")
    async def all_orders(
        self,
        info: Info,
        status: Annotated[
            OrderStatus | None, strawberry.argument(description="Only orders in this status.")
        ] = None,
        deal_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only orders of this deal.")
        ] = None,
        first: First = PAGE,
        after: After = None,
    ) -> OrderConnection:
        """Read one page; client secrets are for the buyers' pages alone."""
        await info.context.operator()
        asked = window(first, after)
        try:
            page = await info.context.resources.all_orders.page(
                status=None if status is None else cast("Status", status.name),
                deal_id=deal_id,
                first=asked.first,
                after=asked.after,
            )
        except BadCursor as reason:
            raise bad_cursor(reason) from None
        nodes = [order_of(info, view) for view in page.items]
        for node in nodes:
            node.payment.client_secret = None
        return OrderConnection(
            edges=[
                OrderEdge(node=node, cursor=cursor)
                for node, cursor in zip(nodes, page.cursors, strict=True)
            ],
            nodes=nodes,
            page_info=PageInfo.of(page),
        )
