"""Orders, their payments, and how they are placed and cancelled."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from graph.context import Info
from kit.money import Money as Amount
from orders.archive import OrderLineView, OrderView, PaymentView
from orders.errors import NotFound as NoSuchOrder
from orders.paging import BadCursor
from resolvers.connections import PAGE, After, First, PageInfo, bad_cursor, window
from resolvers.deals import Deal, find_deal
from resolvers.described import field, mutation
from resolvers.money import Money, MoneyInput
from resolvers.node import Node
from resolvers.refusals import (
    DealNotLive,
    HoldLapsed,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    OrderNotCancellable,
    PriceChanged,
    PurchaseLimitReached,
    SoldOut,
    TryLater,
)
from resolvers.statuses import OrderStatus, PaymentStatus


@strawberry.type(description="One row of an order, as it was agreed.")
class OrderLine:
    deal_id: strawberry.Private[str]
    title: str = strawberry.field(description="What the deal was called.")
    quantity: int = strawberry.field(description="Units.")
    unit_price: Money = strawberry.field(description="What one was agreed to cost.")
    line_total: Money = strawberry.field(description="unitPrice x quantity.")

    @field("The deal as it is now; null when it is no longer there.")
    async def deal(self, info: Info) -> Deal | None:
        """Find the line's deal."""
        return await find_deal(info, self.deal_id)

    @classmethod
    def of(cls, line: OrderLineView, currency: str) -> "OrderLine":
        """A line of an order in this currency."""
        return cls(
            deal_id=line.deal_id,
            title=line.title,
            quantity=line.quantity,
            unit_price=Money.of(Amount(line.unit_price_minor, currency)),
            line_total=Money.of(Amount(line.unit_price_minor * line.quantity, currency)),
        )


@strawberry.type(
    description="The payment of an order. A declined one may be tried again until paymentDueAt."
)
class Payment:
    status: PaymentStatus = strawberry.field(description="Where it is.")
    intent_id: str | None = strawberry.field(
        description="The provider's payment intent; null while it is being opened."
    )
    client_secret: str | None = strawberry.field(
        description="With it a page confirms the intent at the provider."
    )
    publishable_key: str | None = strawberry.field(
        description="The provider's public key, for the same."
    )
    failure_message: str | None = strawberry.field(
        description="Why the last attempt was declined, for people."
    )
    amount: Money = strawberry.field(description="What is to be paid.")

    @classmethod
    def of(cls, payment: PaymentView, publishable_key: str) -> "Payment":
        """A payment as its buyer sees it."""
        return cls(
            status=PaymentStatus[payment.status],
            intent_id=payment.intent_id,
            client_secret=payment.client_secret,
            publishable_key=publishable_key or None,
            failure_message=payment.failure_message,
            amount=Money.of(payment.amount),
        )


@strawberry.type(description="What you have agreed to.")
class Order(Node):
    number: str = strawberry.field(description="For people: on e-mails and on the telephone.")
    status: OrderStatus = strawberry.field(description="Where it is.")
    lines: list[OrderLine] = strawberry.field(description="Its rows.")
    total: Money = strawberry.field(description="The price that was shown at checkout.")
    placed_at: datetime = strawberry.field(description="When it was placed.")
    payment_due_at: datetime = strawberry.field(description="When it expires unless it is paid.")
    payment: Payment = strawberry.field(description="Its payment.")

    @classmethod
    def of(cls, order: OrderView, publishable_key: str) -> "Order":
        """An order as its buyer sees it."""
        return cls(
            id=strawberry.ID(order.id),
            number=order.number,
            status=OrderStatus[order.status],
            lines=[OrderLine.of(line, order.total.currency) for line in order.lines],
            total=Money.of(order.total),
            placed_at=order.placed_at,
            payment_due_at=order.payment_due_at,
            payment=Payment.of(order.payment, publishable_key),
        )


@strawberry.type(description="An order in a list.")
class OrderEdge:
    node: Order = strawberry.field(description="The order.")
    cursor: str = strawberry.field(description="Its place, for `after`.")


@strawberry.type(description="A page of orders.")
class OrderConnection:
    edges: list[OrderEdge] = strawberry.field(description="The orders with their cursors.")
    nodes: list[Order] = strawberry.field(description="The orders alone.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")


@strawberry.type(description="The order and its claim of the stock are durable.")
class OrderPlaced:
    order: Order = strawberry.field(description="The order, as it is now.")


PlaceOrderResult: TypeAlias = Annotated[
    OrderPlaced
    | SoldOut
    | PurchaseLimitReached
    | DealNotLive
    | HoldLapsed
    | PriceChanged
    | IdempotencyKeyReused
    | InvalidInput
    | NotFound
    | TryLater,
    strawberry.union("PlaceOrderResult", description="The order, or why not."),
]
CancelOrderResult: TypeAlias = Annotated[
    Order | OrderNotCancellable | NotFound | TryLater,
    strawberry.union("CancelOrderResult", description="The order, or why not."),
]


@strawberry.input(description="Turns a checkout into an order, once.")
class PlaceOrderInput:
    checkout_id: strawberry.ID = strawberry.field(description="The checkout you agree to.")
    idempotency_key: strawberry.ID = strawberry.field(
        description="Made by you, 1 to 128 printable characters: same key, same answer, one order."
    )
    expected_total: MoneyInput = strawberry.field(
        description="The total you were shown; another is refused with PriceChanged."
    )


def order_of(info: Info, view: OrderView) -> Order:
    """An order with what its page needs to pay it."""
    return Order.of(view, info.context.resources.gateway.publishable_key)


async def find_order(info: Info, user_id: str, order_id: str) -> Order | None:
    """A buyer's order as it is now; None when there is none, or it is somebody else's."""
    view = await info.context.resources.archive.order(user_id, order_id)
    return None if view is None else order_of(info, view)


@strawberry.type
class OrderQuery:
    """The queries about orders."""

    @field("One of your orders; null when you have none of this id.")
    async def order(
        self,
        info: Info,
        order_id: Annotated[
            strawberry.ID, strawberry.argument(name="id", description="The order's id.")
        ],
    ) -> Order | None:
        """Find an order of the viewer's."""
        viewer = await info.context.viewer()
        return await find_order(info, viewer.user_id, order_id)

    @field("Your orders, newest first, in pages of at most 100.")
    async def orders(self, info: Info, first: First = PAGE, after: After = None) -> OrderConnection:
        """Read one page of the viewer's orders."""
        viewer = await info.context.viewer()
        asked = window(first, after)
        try:
            page = await info.context.resources.archive.page(
                viewer.user_id, first=asked.first, after=asked.after
            )
        except BadCursor as reason:
            raise bad_cursor(reason) from None
        nodes = [order_of(info, view) for view in page.items]
        return OrderConnection(
            edges=[
                OrderEdge(node=node, cursor=cursor)
                for node, cursor in zip(nodes, page.cursors, strict=True)
            ],
            nodes=nodes,
            page_info=PageInfo.of(page),
        )


@strawberry.type
class OrderMutation:
    """The mutations of orders."""

    @mutation(
        "Place the order of a checkout. Answered when it is durable; repeated with the same "
        "key: the same order, as it is now."
    )
    async def place_order(
        self,
        info: Info,
        given: Annotated[
            PlaceOrderInput, strawberry.argument(name="input", description="What you agree to.")
        ],
    ) -> PlaceOrderResult:
        """Place the viewer's order."""
        viewer = await info.context.viewer()
        await info.context.admit("order", buyer=viewer.user_id)
        placed = await info.context.resources.placing.order(
            viewer.user_id,
            checkout_id=given.checkout_id,
            key=given.idempotency_key,
            expected_total=given.expected_total.amount(),
        )
        if placed.view is not None:
            return OrderPlaced(order=order_of(info, placed.view))
        return OrderPlaced(order=await _order_now(info, viewer.user_id, placed.order_id))

    @mutation("Give an unpaid order back. CANCELLING until the provider has confirmed it.")
    async def cancel_order(
        self,
        info: Info,
        order_id: Annotated[strawberry.ID, strawberry.argument(description="The order's id.")],
    ) -> CancelOrderResult:
        """Cancel the viewer's order."""
        viewer = await info.context.viewer()
        await info.context.admit("order", buyer=viewer.user_id)
        cancelled = await info.context.resources.cancelling.cancel(viewer.user_id, order_id)
        return await _order_now(info, viewer.user_id, cancelled)


async def _order_now(info: Info, user_id: str, order_id: str) -> Order:
    info.context.loaders.forget()
    order = await find_order(info, user_id, order_id)
    if order is None:
        raise NoSuchOrder("order")
    return order
