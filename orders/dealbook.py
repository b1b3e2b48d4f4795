"""The terms of deals, read from Postgres at most once a second for each deal and process."""

from models.records import Deal
from orders.book import Book


class DealBook(Book[Deal]):
    """Deals by id, for display.

    Windows, limits and pauses are enforced at the gate; prices are read afresh by checkout.
    """

    async def _fetch(self, ids: list[str]) -> dict[str, Deal]:
        return {deal.id: deal for deal in await Deal.filter(id__in=ids)}
