"""Products: what a page shows of what a deal sells."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from graph.context import Info
from loaders.batches import Loading
from models import documents
from orders.productbook import ProductRow
from resolvers.described import field
from resolvers.node import Node


@strawberry.type(description="One named property of a product.")
class ProductAttribute:
    name: str = strawberry.field(description="What the property is: Colour, Volume.")
    value: str = strawberry.field(description="What this product has of it: blue, 1.5 l.")


@strawberry.type(description="A product of the catalogue. What it costs is its deals' affair.")
class Product(Node):
    name: str = strawberry.field(description="What it is called.")
    description: str = strawberry.field(description="A few sentences; plain text.")
    category: str = strawberry.field(description="The shelf it belongs to; deals filter by it.")
    sku: str = strawberry.field(description="The merchant's own number for it, unique.")
    image_url: str | None = strawberry.field(description="A picture, when there is one.")
    attributes: list[ProductAttribute] = strawberry.field(description="In the merchant's order.")

    @classmethod
    def of(cls, product: documents.Product) -> "Product":
        """A document as Beanie reads it."""
        return cls.of_row({"_id": product.id, **product.model_dump(exclude={"id"})})

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Product":
        """A document as the catalogue's collection keeps it."""
        return cls(
            id=strawberry.ID(row["_id"]),
            name=row["name"],
            description=row["description"],
            category=row["category"],
            sku=row["sku"],
            image_url=row.get("image_url"),
            attributes=[
                ProductAttribute(name=each["name"], value=each["value"])
                for each in row.get("attributes", ())
            ],
        )


async def find_product(info: Info, product_id: str) -> Product | None:
    """The product of this id; None when there is none.

    Raises:
        orders.errors.TryLater: the catalogue is out of reach.
    """
    row = await load_product(info, product_id)
    return None if row is None else Product.of_row(row)


def load_product(info: Info, product_id: str) -> Loading[ProductRow | None]:
    """The same as a row, under way from here on."""
    info.context.depends_on(f"product:{product_id}")
    return info.context.loaders.product.load(product_id)


@strawberry.type
class ProductQuery:
    """The queries about products."""

    @field("A product; null when there is none of this id.", public=True)
    async def product(
        self,
        info: Info,
        product_id: Annotated[
            strawberry.ID, strawberry.argument(name="id", description="The product's id.")
        ],
    ) -> Product | None:
        """Find one product of the catalogue."""
        return await find_product(info, product_id)
