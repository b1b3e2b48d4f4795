"""The dataloaders of one operation: deals, their stock, their products."""

from typing import Final, Literal

import structlog
from pymongo.errors import PyMongoError

from kit.ids import is_id
from loaders.batches import Loader
from models.records import Deal
from orders.errors import TryLater
from orders.productbook import ProductRow
from orders.stockboard import StockView
from runtime.resources import Resources

log = structlog.get_logger()

# More than a page has; a document with many aliased pages is read in several rounds.
BATCH: Final = 500


class Loaders:
    """A fresh set for each operation: they remember what they have read.

    Each answers None for an id that is nothing's; an id without an identifier's shape is never
    sent to a store.
    """

    __slots__ = ("_resources", "deal", "product", "stock")

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self.deal: Loader[Deal | None] = Loader(
            self._deals, most=BATCH, at_hand=resources.dealbook.fresh
        )
        self.stock: Loader[StockView | None] = Loader(self._stocks, most=BATCH)
        # While the catalogue is out of reach, loading a product raises TryLater.
        self.product: Loader[ProductRow | None] = Loader(
            self._products, most=BATCH, at_hand=resources.productbook.fresh
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
        try:
            found = await self._resources.productbook.many(_shaped("prod", product_ids))
        except PyMongoError as error:
            log.warning("catalogue_unreachable", error=repr(error))
            return [
                TryLater(retry_after_ms=1_000, reason="the catalogue is out of reach")
                for _ in product_ids
            ]
        return [found.get(product_id) for product_id in product_ids]


def _shaped(kind: Literal["deal", "prod"], ids: list[str]) -> list[str]:
    return [each for each in ids if is_id(kind, each)]
