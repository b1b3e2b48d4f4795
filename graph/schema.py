"""The one schema: its queries, mutations and subscriptions put together."""

from datetime import datetime

import strawberry
from strawberry.schema.config import StrawberryConfig

from graph.edge_schema import EdgeSchema
from kit.settings import Settings
from resolvers.accounts import AccountMutation, AccountQuery
from resolvers.carts import CartMutation, CartQuery
from resolvers.checkouts import CheckoutMutation
from resolvers.control_room import ControlRoomQuery
from resolvers.deal_desk import DealDeskMutation
from resolvers.deals import DealQuery
from resolvers.lookup import LookupQuery
from resolvers.orders import OrderMutation, OrderQuery
from resolvers.product_desk import ProductDeskMutation
from resolvers.products import ProductQuery
from resolvers.refunds import RefundMutation
from resolvers.refusals import REFUSALS
from resolvers.sale_reports import SaleReportQuery
from resolvers.scalars import DATE_TIME
from subscriptions.cart import CartSubscription
from subscriptions.control_room import ControlRoomSubscription
from subscriptions.countdown import CountdownSubscription
from subscriptions.deals import DealSubscription
from subscriptions.orders import OrderSubscription
from subscriptions.stock import StockSubscription


@strawberry.type(description="What can be read.")
class Query(
    ControlRoomQuery,
    SaleReportQuery,
    OrderQuery,
    CartQuery,
    AccountQuery,
    ProductQuery,
    DealQuery,
    LookupQuery,
):
    pass


@strawberry.type(description="What can be done. A refusal is an answer, and changes nothing.")
class Mutation(
    DealDeskMutation,
    RefundMutation,
    ProductDeskMutation,
    OrderMutation,
    CheckoutMutation,
    CartMutation,
    AccountMutation,
):
    pass


@strawberry.type(description="What is pushed: the present state first, then changes.")
class Subscription(
    ControlRoomSubscription,
    DealSubscription,
    OrderSubscription,
    CartSubscription,
    CountdownSubscription,
    StockSubscription,
):
    pass


def build_schema(settings: Settings) -> EdgeSchema:
    """The schema with this deployment's bounds on documents."""
    return EdgeSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        settings=settings,
        config=StrawberryConfig(scalar_map={datetime: DATE_TIME}),
        exception_handlers=REFUSALS,
    )
