"""Checkout: the cart's holds are frozen, and its prices fixed."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from graph.context import Info
from orders.checkout import CheckoutView
from resolvers.carts import CartItem
from resolvers.described import mutation
from resolvers.money import Money
from resolvers.refusals import CartEmpty, DealNotLive, HoldLapsed, TryLater


@strawberry.type(
    description=(
        "What you are about to agree to. Changing the cart supersedes it; checking out again "
        "freezes the holds no longer than the first time."
    )
)
class Checkout:
    id: strawberry.ID = strawberry.field(description="What placeOrder takes.")
    items: list[CartItem] = strawberry.field(description="The items, at the prices now fixed.")
    total: Money = strawberry.field(description="What placeOrder must expect, and will charge.")
    expires_at: datetime = strawberry.field(description="When the first frozen hold lapses.")


CheckoutResult: TypeAlias = Annotated[
    Checkout | CartEmpty | HoldLapsed | DealNotLive | TryLater,
    strawberry.union("CheckoutResult", description="The checkout, or why not."),
]


@strawberry.type
class CheckoutMutation:
    """The mutation that begins a checkout."""

    @mutation("Freeze your cart and fix its prices. Repeated with the same cart: the same.")
    async def checkout(self, info: Info) -> CheckoutResult:
        """Begin the viewer's checkout, or return to it."""
        viewer = await info.context.viewer()
        await info.context.admit("order", buyer=viewer.user_id)
        view = await info.context.resources.checkouts.begin(viewer.user_id)
        info.context.loaders.forget()
        return await _checkout_of(info, view)


async def _checkout_of(info: Info, view: CheckoutView) -> Checkout:
    deals = await info.context.loaders.deal.load_many([line.deal_id for line in view.lines])
    now = info.context.resources.clock.now()
    return Checkout(
        id=strawberry.ID(view.id),
        items=[
            CartItem.of(view.holds[line.deal_id], deal, now, price_minor=line.unit_price_minor)
            for line, deal in zip(view.lines, deals, strict=True)
            if deal is not None
        ],
        total=Money.of(view.total),
        expires_at=view.expires_at,
    )
