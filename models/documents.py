"""Documents in MongoDB: what a page shows of a product."""

from typing import Annotated

from beanie import Document, Indexed
from pydantic import BaseModel, Field


class Attribute(BaseModel):
    """One named property of a product: a colour, a size, a capacity."""

    name: str
    value: str


class Product(Document):
    """A product of the catalogue; the price and the stock are the deal's, in Postgres."""

    id: str = Field()  # type: ignore[assignment] # our own prefixed id instead of an ObjectId
    sku: Annotated[str, Indexed(unique=True)]
    name: str
    description: str
    category: str
    image_url: str | None = None
    attributes: list[Attribute] = Field(default_factory=list)

    class Settings:
        """The collection's name."""

        name = "products"
