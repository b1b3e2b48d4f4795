"""Products of the catalogue, kept by operators."""

from collections.abc import Sequence

import asyncpg
from beanie.exceptions import RevisionIdWasChanged
from pymongo.errors import DuplicateKeyError, PyMongoError

from kit.ids import is_id, new_id
from models.documents import Attribute, Product
from notifications.announcements import Announcer
from orders.dealbook import DealBook
from orders.errors import InvalidInput, NotFound, TryLater
from orders.productbook import ProductBook
from orders.text import check_line, check_text

MOST_ATTRIBUTES = 50
_LINE = 200
_DESCRIPTION = 5_000
_URL = 2_000


class Catalogue:
    """Creates, edits and deletes products; deals keep a copy of the category to filter by."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        dealbook: DealBook,
        productbook: ProductBook,
        announcer: Announcer,
    ) -> None:
        self._pool = pool
        self._dealbook = dealbook
        self._productbook = productbook
        self._announcer = announcer

    async def create(
        self,
        *,
        sku: str,
        name: str,
        description: str,
        category: str,
        image_url: str | None = None,
        attributes: Sequence[tuple[str, str]] = (),
    ) -> Product:
        """A new product.

        Raises:
            InvalidInput: a value cannot be used, or the SKU is taken; nothing was written.
            TryLater: the catalogue is out of reach; the SKU tells whether it was written.
        """
        product = Product(
            id=new_id("prod"),
            sku=check_line("sku", sku, most=64),
            name=check_line("name", name, most=_LINE),
            description=check_text("description", description, most=_DESCRIPTION),
            category=check_line("category", category, most=64),
            image_url=_check_url(image_url),
            attributes=_check_attributes(attributes),
        )
        try:
            await product.insert()
        except DuplicateKeyError:
            raise InvalidInput("sku", "Another product has this SKU.") from None
        except PyMongoError as error:
            raise TryLater(retry_after_ms=1_000, reason="the catalogue is out of reach") from error
        return product

    async def update(
        self,
        product_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        category: str | None = None,
        image_url: str | None = None,
        attributes: Sequence[tuple[str, str]] | None = None,
    ) -> Product:
        """Change what is given; the rest stays. May be repeated.

        Raises:
            NotFound, InvalidInput: nothing was written.
            TryLater: the catalogue is out of reach; repeat.
        """
        product = await self._get(product_id)
        if name is not None:
            product.name = check_line("name", name, most=_LINE)
        if description is not None:
            product.description = check_text("description", description, most=_DESCRIPTION)
        if category is not None:
            product.category = check_line("category", category, most=64)
        if image_url is not None:
            product.image_url = _check_url(image_url)
        if attributes is not None:
            product.attributes = _check_attributes(attributes)
        try:
            await product.replace()
        except (PyMongoError, RevisionIdWasChanged) as error:
            raise TryLater(retry_after_ms=1_000, reason="the catalogue is out of reach") from error
        await self._tell(product.id)
        await self._tell_deals(product)
        return product

    async def delete(self, product_id: str) -> str:
        """Delete a product that no deal sells.

        Raises:
            NotFound: there is no such product.
            InvalidInput: deals sell it; nothing was written.
            TryLater: the catalogue is out of reach; repeat.
        """
        product = await self._get(product_id)
        sells = await self._pool.fetchval(
            "SELECT EXISTS (SELECT FROM deals WHERE product_id = $1)", product_id
        )
        if sells:
            raise InvalidInput("productId", "Deals sell this product. Delete them first.")
        try:
            await product.delete()
        except PyMongoError as error:
            raise TryLater(retry_after_ms=1_000, reason="the catalogue is out of reach") from error
        await self._tell(product_id)
        return product_id

    async def category_of(self, product_id: str) -> str | None:
        """The category of a product; None when there is no such product.

        Raises:
            TryLater: the catalogue is out of reach.
        """
        try:
            return (await self._get(product_id)).category
        except NotFound:
            return None

    async def _get(self, product_id: str) -> Product:
        if not is_id("prod", product_id):
            raise NotFound("product")
        try:
            product = await Product.get(product_id)
        except PyMongoError as error:
            raise TryLater(retry_after_ms=1_000, reason="the catalogue is out of reach") from error
        if product is None:
            raise NotFound("product")
        return product

    async def _tell(self, product_id: str) -> None:
        """Have it read anew from here on, by this process and by all others."""
        self._productbook.drop(product_id)
        self._announcer.product(product_id)

    async def _tell_deals(self, product: Product) -> None:
        """Copy the category to the product's deals, and tell that they changed."""
        rows = await self._pool.fetch(
            "UPDATE deals SET category = $2 WHERE product_id = $1 RETURNING id",
            product.id,
            product.category,
        )
        for row in rows:
            self._dealbook.drop(row["id"])
            self._announcer.deal(row["id"])


def _check_attributes(attributes: Sequence[tuple[str, str]]) -> list[Attribute]:
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidInput("attributes", f"At most {MOST_ATTRIBUTES} attributes.")
    return [
        Attribute(
            name=check_line("attributes", name, most=64),
            value=check_line("attributes", value, most=_LINE),
        )
        for name, value in attributes
    ]


def _check_url(url: str | None) -> str | None:
    if url is None or url == "":
        return None
    check_line("imageUrl", url, most=_URL)
    if not url.startswith(("https://", "http://", "/")):
        raise InvalidInput("imageUrl", "An address that starts with https://, http:// or /.")
    return url
