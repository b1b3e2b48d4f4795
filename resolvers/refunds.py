"""The operator's desk for orders: their money is sent back."""

from typing import Annotated, TypeAlias

import strawberry

from graph.context import Info
from orders.errors import NotFound as NoSuchOrder
from resolvers.described import mutation
from resolvers.orders import Order, find_order
from resolvers.refusals import InvalidInput, NotFound, TryLater

RefundResult: TypeAlias = Annotated[
    Order | InvalidInput | NotFound | TryLater,
    strawberry.union("RefundResult", description="The order, or why not."),
]


@strawberry.input(description="Sends all money of an order back.")
class RefundOrderInput:
    order_id: strawberry.ID = strawberry.field(description="The order: PAID or UNDER_REVIEW.")
    restock: bool = strawberry.field(
        default=False,
        description="Whether its units go back on sale; otherwise the allotment shrinks by them.",
    )
    reason: str = strawberry.field(description="For the ledger, 1 to 500 characters.")


@strawberry.type
class RefundMutation:
    """The operators' mutations of orders."""

    @mutation(
        "Send all money of an order back: REFUND_PENDING until the provider has confirmed it. "
        "Repeated, it answers the order as it is. Operators only."
    )
    async def refund_order(
        self,
        info: Info,
        given: Annotated[
            RefundOrderInput, strawberry.argument(name="input", description="What goes back.")
        ],
    ) -> RefundResult:
        """Start the refund of an order."""
        operator = await info.context.operator()
        refunded = await info.context.resources.refunding.refund(
            given.order_id,
            restock=given.restock,
            reason=given.reason,
            actor=operator.user_id,
        )
        order = await find_order(info, refunded.user_id, refunded.order_id)
        if order is None:
            raise NoSuchOrder("order")
        order.payment.client_secret = None  # for the buyer's page alone
        return order
