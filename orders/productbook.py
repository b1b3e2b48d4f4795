"""What pages show of products, as a process remembers it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from pymongo.asynchronous.database import AsyncDatabase

from models.documents import Product
from orders.book import Book

ProductRow: TypeAlias = Mapping[str, Any]
"""A document as the collection keeps it. Shared: nobody may change it."""

_SHOWN: Final = dict.fromkeys(
    ("sku", "name", "description", "category", "image_url", "attributes"), True
)


class ProductBook(Book[ProductRow]):
    """Products by id, dropped as soon as an edit is heard of.

    While the catalogue is out of reach, asking for what is not fresh raises PyMongoError.
    """

    def __init__(
        self,
        mongo: AsyncDatabase[dict[str, Any]],
        hears: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(hears)
        # The raw collection: building documents is Beanie's slow part.
        self._collection = mongo[Product.Settings.name]

    def stock_changed(self, deal_id: str, epoch: int, version: int, available: int, /) -> None:
        """Products know nothing of stock."""

    def deal_changed(self, deal_id: str, /) -> None:
        """Nor of deals."""

    def product_changed(self, product_id: str, /) -> None:
        """Forget one that was edited or deleted."""
        self.drop(product_id)

    async def _fetch(self, ids: list[str]) -> dict[str, ProductRow]:
        rows = await self._collection.find({"_id": {"$in": ids}}, _SHOWN).to_list(len(ids))
        return {row["_id"]: row for row in rows}
