"""Deals and their live stock."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Annotated, TypeAlias, cast

import strawberry

from graph.context import CATALOGUE, ApiError, Info
from kit.ids import sibling
from loaders.batches import Loading, made_of
from models import records
from orders.errors import TryLater
from orders.paging import BadCursor
from orders.phases import Phase, next_change, next_second, phase_of, seconds_remaining
from orders.productbook import ProductRow
from orders.shelf import Sort
from orders.stockboard import StockView, level_of
from orders.text import check_line
from resolvers.connections import PAGE, After, First, PageInfo, bad_cursor, window
from resolvers.described import field
from resolvers.money import Money
from resolvers.node import Node
from resolvers.products import Product, load_product

DealId: TypeAlias = Annotated[strawberry.ID, strawberry.argument(description="The deal's id.")]


@strawberry.enum(description="Where a deal is in its life, by the server's clock.")
class DealPhase(Enum):
    SCHEDULED = strawberry.enum_value("SCHEDULED", description="It has not started yet.")
    LIVE = strawberry.enum_value("LIVE", description="It sells.")
    PAUSED = strawberry.enum_value("PAUSED", description="An operator has stopped it for a while.")
    ENDED = strawberry.enum_value("ENDED", description="It is over.")


@strawberry.enum(description="How much is left, in a word.")
class StockLevel(Enum):
    AVAILABLE = strawberry.enum_value("AVAILABLE", description="There is enough for now.")
    LOW = strawberry.enum_value("LOW", description="A tenth of the allotment, or the last five.")
    SOLD_OUT = strawberry.enum_value(
        "SOLD_OUT", description="None may be held now; holds that lapse may change that."
    )


@strawberry.enum(description="How a list of deals is sorted.")
class DealSort(Enum):
    ENDING_SOON = strawberry.enum_value("ENDING_SOON", description="The next to end first.")
    NEWEST = strawberry.enum_value("NEWEST", description="The last created first.")
    BIGGEST_DISCOUNT = strawberry.enum_value(
        "BIGGEST_DISCOUNT", description="The most percents off first."
    )
    PRICE_ASC = strawberry.enum_value("PRICE_ASC", description="The cheapest first.")


@strawberry.type(
    description=(
        "The units of a deal at one version: allotment = available + held + sold. Order what you "
        "receive by epoch, then version, and drop what is older than what you have."
    )
)
class Stock:
    id: strawberry.ID = strawberry.field(
        description="One for each deal, so that client caches merge updates into lists."
    )
    deal_id: strawberry.ID = strawberry.field(description="The deal whose units these are.")
    allotment: int = strawberry.field(description="Units given to the deal, less safety stock.")
    available: int = strawberry.field(description="Units that may be held now.")
    held: int = strawberry.field(
        description="Units in carts, in checkouts and in orders that are not paid yet."
    )
    sold: int = strawberry.field(description="Units that are paid.")
    level: StockLevel = strawberry.field(description="How much is left, in a word.")
    epoch: int = strawberry.field(description="Grows whenever the live stock is rebuilt.")
    version: int = strawberry.field(description="Grows with every change within an epoch.")
    as_of: datetime = strawberry.field(
        description="When this was so. Long ago: the live stock cannot be reached just now."
    )

    @classmethod
    def of(cls, view: StockView) -> "Stock":
        """The counters of one deal as the board shows them."""
        return cls(
            id=strawberry.ID(sibling("stk", view.deal_id)),
            deal_id=strawberry.ID(view.deal_id),
            allotment=view.allotment,
            available=view.available,
            held=view.held,
            sold=view.sold,
            level=StockLevel[level_of(view)],
            epoch=view.epoch,
            version=view.version,
            as_of=view.as_of,
        )


@strawberry.type(description="One product at a special price, with an allotment, from-until.")
class Deal(Node):
    record: strawberry.Private[records.Deal]
    seen_at: strawberry.Private[datetime]
    title: str = strawberry.field(description="What the deal is called.")
    price: Money = strawberry.field(description="What a unit costs in this deal.")
    list_price: Money = strawberry.field(description="What a unit costs otherwise.")
    discount_percent: int = strawberry.field(description="Whole percents off, rounded down.")
    phase: DealPhase = strawberry.field(description="By the server's clock, when this was read.")
    starts_at: datetime = strawberry.field(description="When it opens.")
    ends_at: datetime = strawberry.field(description="When it closes.")
    purchase_limit: int = strawberry.field(
        description="The most units one buyer may hold and buy, over all orders."
    )

    @field("LIVE: until endsAt; SCHEDULED: until startsAt; else 0. Rounded up.")
    def seconds_remaining(self, info: Info) -> int:
        """Count them, and say until when that is so."""
        _stays(info, next_second(self.record, self.seen_at))
        return seconds_remaining(self.record, self.seen_at)

    @field("What is sold; null only while the catalogue is unreachable.")
    def product(self, info: Info) -> Product | None:
        """The product, from the catalogue; a deal can be sold without it."""
        loading = load_product(info, self.record.product_id)
        return made_of(loading, partial(_product_if_any, info))

    @field("The live stock.")
    def stock(self, info: Info) -> Stock:
        """The deal's counters, one read for all deals of the operation."""
        info.context.depends_on(f"stock:{self.id}")
        return made_of(info.context.loaders.stock.load(self.id), partial(_stock, info))

    @classmethod
    def of(cls, deal: records.Deal, now: datetime) -> "Deal":
        """A deal as it is at `now`."""
        return cls(
            id=strawberry.ID(deal.id),
            record=deal,
            seen_at=now,
            title=deal.title,
            price=Money(amount_minor=deal.price_minor, currency=deal.currency),
            list_price=Money(amount_minor=deal.list_price_minor, currency=deal.currency),
            discount_percent=deal.discount_percent,
            phase=DealPhase[phase_of(deal, now)],
            starts_at=deal.starts_at,
            ends_at=deal.ends_at,
            purchase_limit=deal.purchase_limit,
        )


def _product_if_any(info: Info, loading: Loading[ProductRow | None]) -> Product | None:
    try:
        row = loading.result()
    except TryLater:
        # True of this moment alone: nobody else is to be told so.
        info.context.valid_until(info.context.resources.clock.now())
        return None
    return None if row is None else Product.of_row(row)


def _stock(info: Info, loading: Loading[StockView | None]) -> Stock:
    view = loading.result()
    if view is None:
        raise ApiError("NOT_FOUND", "This deal was deleted a moment ago.")
    if view.is_makeshift:
        # Nobody else is to be told so.
        info.context.valid_until(info.context.resources.clock.now())
    return Stock.of(view)


async def find_deal(info: Info, deal_id: str) -> Deal | None:
    """The deal of this id as it is now; None when there is none."""
    info.context.depends_on(f"deal:{deal_id}")
    deal = await info.context.loaders.deal.load(deal_id)
    if deal is None:
        return None
    now = info.context.resources.clock.now()
    _stays(info, next_change(deal, now))
    return Deal.of(deal, now)


def _stays(info: Info, until: datetime | None) -> None:
    """Say when time alone makes the answer another one, if it ever does."""
    if until is not None:
        info.context.valid_until(until)


@strawberry.type(description="A deal in a list.")
class DealEdge:
    node: Deal = strawberry.field(description="The deal.")
    cursor: str = strawberry.field(description="Its place, for `after`.")


@strawberry.type(description="A page of deals.")
class DealConnection:
    cursors: strawberry.Private[Sequence[str]]

    @field("The deals with their cursors.")
    def edges(self) -> list[DealEdge]:
        """Made when they are asked for: each cursor has to be signed."""
        return [
            DealEdge(node=node, cursor=cursor)
            for node, cursor in zip(self.nodes, self.cursors, strict=True)
        ]

    nodes: list[Deal] = strawberry.field(description="The deals alone.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")


@strawberry.type
class DealQuery:
    """The queries about deals."""

    @field("Deals, in pages of at most 100.", public=True)
    async def deals(
        self,
        info: Info,
        phase: Annotated[
            DealPhase | None,
            strawberry.argument(description="Only deals in this phase; null: in any."),
        ] = DealPhase.LIVE,
        category: Annotated[
            str | None, strawberry.argument(description="Only products of this category.")
        ] = None,
        sort: Annotated[
            DealSort | None, strawberry.argument(description="What comes first.")
        ] = DealSort.ENDING_SOON,
        first: First = PAGE,
        after: After = None,
    ) -> DealConnection:
        """Read one page of the shelf; what is below a deal is read only when it is asked for."""
        page_asked = window(first, after)
        shelf = info.context.resources.shelf
        info.context.depends_on(CATALOGUE)
        try:
            page = await shelf.page(
                phase=None if phase is None else cast("Phase", phase.name),
                # A category that no product can have would fail as a parameter of the query.
                category=None if category is None else check_line("category", category, most=64),
                sort=cast("Sort", (sort or DealSort.ENDING_SOON).name),
                first=page_asked.first,
                after=page_asked.after,
            )
        except BadCursor as reason:
            raise bad_cursor(reason) from None
        _stays(info, page.next_moment)
        now = info.context.resources.clock.now()
        nodes = [Deal.of(deal, now) for deal in page.items]
        return DealConnection(cursors=page.cursors, nodes=nodes, page_info=PageInfo.of(page))

    @field("A deal; null when there is none of this id.", public=True)
    async def deal(
        self,
        info: Info,
        deal_id: Annotated[
            strawberry.ID, strawberry.argument(name="id", description="The deal's id.")
        ],
    ) -> Deal | None:
        """Find one deal."""
        return await find_deal(info, deal_id)
