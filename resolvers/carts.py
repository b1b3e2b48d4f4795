"""The cart: what a buyer holds, and how it is changed."""

from datetime import datetime
from enum import Enum
from typing import Annotated, TypeAlias

import strawberry

from graph.context import Info
from kit.money import Money as Amount
from models import records
from orders import errors
from orders.cart import CartLine, CartView
from resolvers.deals import Deal
from resolvers.described import field, mutation
from resolvers.money import Money
from resolvers.refusals import (
    DealNotLive,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    PurchaseLimitReached,
    SoldOut,
    TryLater,
)


@strawberry.enum(description="What a hold is waiting for.")
class HoldState(Enum):
    HELD = strawberry.enum_value("HELD", description="It is in the cart.")
    FROZEN = strawberry.enum_value("FROZEN", description="It is in a checkout, until expiresAt.")


@strawberry.type(description="Units set aside for you. Nothing in the cart makes expiresAt later.")
class Hold:
    state: HoldState = strawberry.field(description="Cart, or checkout.")
    expires_at: datetime = strawberry.field(description="When it lapses by itself.")
    seconds_remaining: int = strawberry.field(description="Until then, rounded up.")

    @classmethod
    def of(cls, line: CartLine, now: datetime) -> "Hold":
        """The hold behind a line of a cart, as it is at `now`."""
        left = (line.expires_at - now).total_seconds()
        return cls(
            state=HoldState[line.state],
            expires_at=line.expires_at,
            seconds_remaining=max(0, -int(-left // 1)),
        )


@strawberry.type(description="One deal in a cart or in a checkout.")
class CartItem:
    deal: Deal = strawberry.field(description="The deal.")
    quantity: int = strawberry.field(description="Units.")
    unit_price: Money = strawberry.field(description="What one costs; fixed by a checkout.")
    line_total: Money = strawberry.field(description="unitPrice x quantity.")
    hold: Hold = strawberry.field(description="What sets the units aside.")

    @classmethod
    def of(
        cls, line: CartLine, deal: records.Deal, now: datetime, *, price_minor: int
    ) -> "CartItem":
        """A line at this price, as it is at `now`."""
        return cls(
            deal=Deal.of(deal, now),
            quantity=line.units,
            unit_price=Money.of(Amount(price_minor, deal.currency)),
            line_total=Money.of(Amount(price_minor * line.units, deal.currency)),
            hold=Hold.of(line, now),
        )


@strawberry.type(description="What you hold. A hold that has lapsed is no longer in it.")
class Cart:
    items: list[CartItem] = strawberry.field(description="In the order of adding.")
    total: Money = strawberry.field(description="The sum of the items, at present prices.")
    expires_at: datetime | None = strawberry.field(description="When the first hold lapses.")


@strawberry.type(description="The cart after the change.")
class CartUpdated:
    cart: Cart = strawberry.field(description="The cart.")


AddToCartResult: TypeAlias = Annotated[
    CartUpdated
    | SoldOut
    | PurchaseLimitReached
    | DealNotLive
    | NotFound
    | InvalidInput
    | IdempotencyKeyReused
    | TryLater,
    strawberry.union("AddToCartResult", description="The cart, or why not."),
]
UpdateCartItemResult: TypeAlias = Annotated[
    CartUpdated | SoldOut | PurchaseLimitReached | DealNotLive | NotFound | InvalidInput | TryLater,
    strawberry.union("UpdateCartItemResult", description="The cart, or why not."),
]
RemoveFromCartResult: TypeAlias = Annotated[
    CartUpdated | NotFound | TryLater,
    strawberry.union("RemoveFromCartResult", description="The cart, or why not."),
]


@strawberry.input(description="Adds units of a deal to the cart, and holds them.")
class AddToCartInput:
    deal_id: strawberry.ID = strawberry.field(description="The deal.")
    quantity: int = strawberry.field(default=1, description="How many more, at least 1.")
    idempotency_key: strawberry.ID | None = strawberry.field(
        default=None,
        description="Made by you, 1 to 128 printable characters: same key, one effect for a day.",
    )


@strawberry.input(description="Sets how many units of a deal are in the cart.")
class UpdateCartItemInput:
    deal_id: strawberry.ID = strawberry.field(description="The deal.")
    quantity: int = strawberry.field(description="How many; 0 removes it.")


@strawberry.input(description="Takes a deal out of the cart, and gives its units back.")
class RemoveFromCartInput:
    deal_id: strawberry.ID = strawberry.field(description="The deal.")


async def cart_of(info: Info, view: CartView) -> Cart:
    """A cart with its deals, read in one go; a deal that was deleted since is left out."""
    resources = info.context.resources
    # From where the loader has them, without waiting for others to ask as well.
    deals = await resources.dealbook.many([line.deal_id for line in view.lines])
    now = resources.clock.now()
    found = [(line, deals[line.deal_id]) for line in view.lines if line.deal_id in deals]
    return Cart(
        items=[CartItem.of(line, deal, now, price_minor=deal.price_minor) for line, deal in found],
        total=Money.of(
            Amount(
                sum(deal.price_minor * line.units for line, deal in found),
                resources.settings.currency,
            )
        ),
        expires_at=min((line.expires_at for line, _ in found), default=None),
    )


@strawberry.type
class CartQuery:
    """The query about the cart."""

    @field("Your cart. UNAUTHENTICATED when you are not signed in.")
    async def cart(self, info: Info) -> Cart:
        """Read what the viewer holds."""
        viewer = await info.context.viewer()
        return await cart_of(info, await info.context.resources.carts.read(viewer.user_id))


@strawberry.type
class CartMutation:
    """The mutations of the cart."""

    @mutation("Add units of a deal to your cart: they are held for you.")
    async def add_to_cart(
        self,
        info: Info,
        given: Annotated[
            AddToCartInput, strawberry.argument(name="input", description="What to add.")
        ],
    ) -> AddToCartResult:
        """Hold more units for the viewer."""
        viewer = await info.context.viewer()
        try:
            view = await info.context.resources.carts.add(
                viewer.user_id,
                deal_id=given.deal_id,
                quantity=given.quantity,
                key=given.idempotency_key,
                address=info.context.request.address,
            )
        except errors.SoldOut as refusal:
            # With a key the answer is this buyer's: a repeated success stays a success.
            if given.idempotency_key is None and refusal.available <= 0:
                await _tell_sold_out(info, given.deal_id)
            raise
        return await _updated(info, view)

    @mutation("Set how many units of a deal are in your cart; 0 removes it.")
    async def update_cart_item(
        self,
        info: Info,
        given: Annotated[
            UpdateCartItemInput, strawberry.argument(name="input", description="What to set.")
        ],
    ) -> UpdateCartItemResult:
        """Change the viewer's hold."""
        viewer = await info.context.viewer()
        view = await info.context.resources.carts.change(
            viewer.user_id,
            deal_id=given.deal_id,
            quantity=given.quantity,
            address=info.context.request.address,
        )
        return await _updated(info, view)

    @mutation("Take a deal out of your cart.")
    async def remove_from_cart(
        self,
        info: Info,
        given: Annotated[
            RemoveFromCartInput, strawberry.argument(name="input", description="What to remove.")
        ],
    ) -> RemoveFromCartResult:
        """Give the viewer's hold back."""
        viewer = await info.context.viewer()
        view = await info.context.resources.carts.remove(
            viewer.user_id, deal_id=given.deal_id, address=info.context.request.address
        )
        return await _updated(info, view)


async def _tell_sold_out(info: Info, deal_id: str) -> None:
    """Until the deal ends, everybody's attempt is refused in these words while it is sold out."""
    deal = await info.context.resources.dealbook.get(deal_id)
    if deal is not None:
        info.context.refused_as_sold_out(deal_id, deal.ends_at)


async def _updated(info: Info, view: CartView) -> CartUpdated:
    info.context.loaders.forget()
    return CartUpdated(cart=await cart_of(info, view))
