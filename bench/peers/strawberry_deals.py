"""The deal list for Strawberry, from memory: the fields of ours that a storefront asks for."""

import enum
from typing import Any

import strawberry


@strawberry.enum
class StockLevel(enum.Enum):
    """How much is left."""

    AVAILABLE = "AVAILABLE"
    LOW = "LOW"
    SOLD_OUT = "SOLD_OUT"


@strawberry.enum
class DealPhase(enum.Enum):
    """Where a deal stands."""

    SCHEDULED = "SCHEDULED"
    LIVE = "LIVE"
    PAUSED = "PAUSED"
    ENDED = "ENDED"


@strawberry.enum
class DealSort(enum.Enum):
    """What comes first."""

    ENDING_SOON = "ENDING_SOON"
    NEWEST = "NEWEST"
    BIGGEST_DISCOUNT = "BIGGEST_DISCOUNT"
    PRICE_ASC = "PRICE_ASC"


@strawberry.type
class Stock:
    """The same fields as ours; `id` and `as_of` are for subscribers."""

    deal_id: strawberry.ID
    allotment: int
    available: int
    held: int
    sold: int
    level: StockLevel
    epoch: int
    version: int
    id: strawberry.ID = strawberry.ID("")
    as_of: str = ""

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Stock":
        """From the JSON of a list or of an event."""
        return cls(
            deal_id=told["dealId"],
            allotment=told["allotment"],
            available=told["available"],
            held=told["held"],
            sold=told["sold"],
            level=StockLevel(told["level"]),
            epoch=told["epoch"],
            version=told["version"],
            id=told.get("id", ""),
            as_of=told.get("asOf", ""),
        )


@strawberry.type
class Money:
    """An amount in minor units."""

    amount_minor: int
    currency: str

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Money":
        """From the JSON of a list."""
        return cls(amount_minor=told["amountMinor"], currency=told["currency"])


@strawberry.type
class Product:
    """What is sold."""

    name: str
    category: str
    image_url: str | None


@strawberry.type
class Deal:
    """A product at a special price."""

    id: strawberry.ID
    title: str
    price: Money
    list_price: Money
    discount_percent: int
    phase: DealPhase
    starts_at: str
    ends_at: str
    purchase_limit: int
    product: Product | None
    stock: Stock

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Deal":
        """From the JSON of a list."""
        product = told["product"]
        return cls(
            id=told["id"],
            title=told["title"],
            price=Money.of(told["price"]),
            list_price=Money.of(told["listPrice"]),
            discount_percent=told["discountPercent"],
            phase=DealPhase(told["phase"]),
            starts_at=told["startsAt"],
            ends_at=told["endsAt"],
            purchase_limit=told["purchaseLimit"],
            product=Product(
                name=product["name"], category=product["category"], image_url=product["imageUrl"]
            ),
            stock=Stock.of(told["stock"]),
        )


@strawberry.type
class PageInfo:
    """Where a page ends."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class DealConnection:
    """A page of deals."""

    nodes: list[Deal]
    page_info: PageInfo

    @classmethod
    def of(cls, told: dict[str, Any]) -> "DealConnection":
        """From the JSON of a list."""
        return cls(
            nodes=[Deal.of(one) for one in told["nodes"]],
            page_info=PageInfo(
                has_next_page=told["pageInfo"]["hasNextPage"],
                end_cursor=told["pageInfo"]["endCursor"],
            ),
        )
