"""The list of deals: filtered by phase and category, sorted, in keyset pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import asyncpg

from kit.clock import Clock, from_micros, to_micros
from models.records import Deal
from orders.dealbook import DealBook
from orders.paging import BadCursor, Cursors, LazyCursors, Page
from orders.phases import Phase

Sort = Literal["ENDING_SOON", "NEWEST", "BIGGEST_DISCOUNT", "PRICE_ASC"]


@dataclass(frozen=True, slots=True)
class _Order:
    """A sort: its column, whether it falls, and whether the column is a time."""

    column: str
    falls: bool
    is_time: bool


_SORTS: Final[dict[Sort, _Order]] = {
    "ENDING_SOON": _Order("ends_at", falls=False, is_time=True),
    "NEWEST": _Order("created_at", falls=True, is_time=True),
    "BIGGEST_DISCOUNT": _Order("discount_percent", falls=True, is_time=False),
    "PRICE_ASC": _Order("price_minor", falls=False, is_time=False),
}
# Conditions on the server's clock ($1), the same as `phase_of` computes.
_PHASES: Final[dict[Phase, str]] = {
    "SCHEDULED": "ends_at > $1 AND paused_at IS NULL AND starts_at > $1",
    "LIVE": "ends_at > $1 AND paused_at IS NULL AND starts_at <= $1",
    "PAUSED": "ends_at > $1 AND paused_at IS NOT NULL",
    "ENDED": "ends_at <= $1",
}


# When a deal opens or ends next, whichever it is: lists may be others then.
_NEXT_MOMENT: Final = (
    "SELECT least((SELECT min(starts_at) FROM deals WHERE starts_at > $1),"
    " (SELECT min(ends_at) FROM deals WHERE ends_at > $1)) AS moment"
)


@dataclass(frozen=True, slots=True)
class ShelfPage(Page[Deal]):
    """A page of deals; time alone may make it another one at `next_moment`, not before."""

    next_moment: datetime | None


class DealShelf:
    """Reads pages of deals; one query for a page's ids, one for what is not known of them."""

    def __init__(
        self, *, pool: asyncpg.Pool, dealbook: DealBook, cursors: Cursors, clock: Clock
    ) -> None:
        self._pool = pool
        self._dealbook = dealbook
        self._cursors = cursors
        self._clock = clock

    async def page(
        self,
        *,
        phase: Phase | None,
        category: str | None,
        sort: Sort,
        first: int,
        after: str | None,
    ) -> ShelfPage:
        """A page of deals in this phase (any, when None) and category.

        Raises:
            BadCursor: `after` was not made for this sort.
        """
        order = _SORTS[sort]
        where = [_PHASES[phase] if phase else "$1::timestamptz IS NOT NULL"]
        values: list[object] = [self._clock.now()]
        if category is not None:
            values.append(category)
            where.append(f"category = ${len(values)}")
        if after is not None:
            values += self._position(sort, after)
            sign = "<" if order.falls else ">"
            where.append(f"({order.column}, id) {sign} (${len(values) - 1}, ${len(values)})")
        values.append(first + 1)
        direction = "DESC" if order.falls else "ASC"
        by = f"value {direction}, id {direction}"
        rows = await self._pool.fetch(
            f"SELECT m.moment, d.id, d.value FROM ({_NEXT_MOMENT}) AS m"  # noqa: S608 - columns are ours
            f"  LEFT JOIN (SELECT id, {order.column} AS value FROM deals"
            f"              WHERE {' AND '.join(where)} ORDER BY {by} LIMIT ${len(values)}) AS d"
            f"    ON true ORDER BY {by}",
            *values,
        )
        moment: datetime | None = rows[0]["moment"]
        found = [row for row in rows if row["id"] is not None]
        deals = await self._dealbook.many([row["id"] for row in found[:first]])
        shown = [row for row in found[:first] if row["id"] in deals]

        def cursor(place: int) -> str:
            row = shown[place]
            return self._cursors.write(sort, _plain(row["value"]), row["id"])

        return ShelfPage(
            items=[deals[row["id"]] for row in shown],
            cursors=LazyCursors(len(shown), cursor),
            has_next=len(found) > first,
            has_previous=after is not None,
            next_moment=moment,
        )

    def _position(self, sort: Sort, after: str) -> list[object]:
        value, deal_id = self._cursors.read(sort, after)
        if not isinstance(value, int) or not isinstance(deal_id, str):
            raise BadCursor("This cursor was not made here.")
        if _SORTS[sort].is_time:
            return [from_micros(value), deal_id]
        return [value, deal_id]


def _plain(value: datetime | int) -> int:
    """A sort value as a cursor carries it: times in Unix microseconds."""
    if isinstance(value, datetime):
        return to_micros(value)
    return value
