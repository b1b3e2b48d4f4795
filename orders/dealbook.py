"""The terms of deals, as a process remembers them."""

from models.records import Deal
from orders.book import Book


class DealBook(Book[Deal]):
    """Deals by id, for display.

    Windows, limits and pauses are enforced at the gate; prices are read afresh by checkout.
    """

    async def _fetch(self, ids: list[str]) -> dict[str, Deal]:
        return {deal.id: deal for deal in await Deal.filter(id__in=ids)}
