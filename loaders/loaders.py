"""The dataloaders of one operation: deals, their stock, their products."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import structlog
from pymongo.errors import PyMongoError
from strawberry.dataloader import DataLoader

from kit.ids import is_id
from models.documents import Product
from models.records import Deal
from orders.errors import TryLater
from orders.stockboard import StockView
from runtime.resources import Resources

log = structlog.get_logger()

# More than a page has; a document with many aliased pages is read in several rounds.
BATCH: Final = 500

ProductRow: TypeAlias = Mapping[str, Any]
_SHOWN: Final = dict.fromkeys(
    ("sku", "name", "description", "category", "image_url", "attributes"), True
)


class Loaders:
    """A fresh set for each operation: they remember what they have read.

    Each answers None for an id that is nothing's; an id without an identifier's shape is never
    sent to a store.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self.deal: DataLoader[str, Deal | None] = DataLoader(self._deals, max_batch_size=BATCH)
        self.stock: DataLoader[str, StockView | None] = DataLoader(
            self._stocks, max_batch_size=BATCH
        )
        # While the catalogue is out of reach, loading a product raises TryLater.
        self.product: DataLoader[str, ProductRow | None] = DataLoader(
            self._products, max_batch_size=BATCH
        )

    def forget(self) -> None:
        """Read everything anew from here on: something was changed, or time has passed."""
        self.deal.clear_all()
        self.stock.clear_all()
        self.product.clear_all()

    async def _deals(self, deal_ids: list[str]) -> list[Deal | None]:
        found = await self._resources.dealbook.many(_shaped("deal", deal_ids))
        return [found.get(deal_id) for deal_id in deal_ids]

    async def _stocks(self, deal_ids: list[str]) -> list[StockView | None]:
        found = await self._resources.stockboard.many(_shaped("deal", deal_ids))
        return [found.get(deal_id) for deal_id in deal_ids]

    async def _products(self, product_ids: list[str]) -> list[ProductRow | BaseException | None]:
        wanted = _shaped("prod", product_ids)
        if not wanted:
            return [None] * len(product_ids)
        # The raw collection: building documents is Beanie's slow part, and nobody changes them.
        collection = self._resources.mongo[Product.Settings.name]
        try:
            rows = await collection.find({"_id": {"$in": wanted}}, _SHOWN).to_list(len(wanted))
        except PyMongoError as error:
            log.warning("catalogue_unreachable", error=repr(error))
            return [
                TryLater(retry_after_ms=1_000, reason="the catalogue is out of reach")
                for _ in product_ids
            ]
        found = {row["_id"]: row for row in rows}
        return [found.get(product_id) for product_id in product_ids]


def _shaped(kind: Literal["deal", "prod"], ids: list[str]) -> list[str]:
    return [each for each in ids if is_id(kind, each)]
