"""Everybody's orders for operators: newest first, by status and deal, in keyset pages."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from kit.clock import from_micros, to_micros
from kit.ids import is_id
from orders.archive import OrderView, assemble
from orders.decision import OrderStatus
from orders.paging import BadCursor, Cursors, Page

_LIST = "all_orders"


class AllOrders:
    """Reads pages of all orders; three queries a page, whatever its size."""

    def __init__(self, *, pool: asyncpg.Pool, cursors: Cursors) -> None:
        self._pool = pool
        self._cursors = cursors

    async def page(
        self, *, status: OrderStatus | None, deal_id: str | None, first: int, after: str | None
    ) -> Page[OrderView]:
        """A page of the orders in this status (any, when None) with a line of this deal.

        Raises:
            BadCursor: `after` was not made for this list.
        """
        where = ["o.status <> 'ABANDONED'"]
        values: list[object] = []
        if after is not None:
            values += self._position(after)
            where.append("(o.placed_at, o.id) < ($1, $2)")
        if status is not None:
            values.append(status)
            where.append(f"o.status = ${len(values)}")
        if deal_id is not None:
            # What cannot be an id could fail as a parameter.
            values.append(deal_id if is_id("deal", deal_id) else "")
            where.append(
                "EXISTS (SELECT FROM order_lines l WHERE l.user_id = o.user_id"
                f" AND l.order_id = o.id AND l.deal_id = ${len(values)})"
            )
        values.append(first + 1)
        rows = await self._pool.fetch(
            f"SELECT o.* FROM orders o WHERE {' AND '.join(where)}"  # noqa: S608 - words are ours
            f" ORDER BY o.placed_at DESC, o.id DESC LIMIT ${len(values)}",
            *values,
        )
        views = await self._views(rows[:first])
        return Page(
            items=views,
            cursors=[
                self._cursors.write(_LIST, to_micros(view.placed_at), view.id) for view in views
            ],
            has_next=len(rows) > first,
            has_previous=after is not None,
        )

    def _position(self, after: str) -> tuple[datetime, str]:
        micros, order_id = self._cursors.read(_LIST, after)
        if not isinstance(micros, int) or not isinstance(order_id, str):
            raise BadCursor("This cursor was not made here.")
        return from_micros(micros), order_id

    async def _views(self, rows: Sequence[asyncpg.Record]) -> list[OrderView]:
        if not rows:
            return []
        keys = [row["user_id"] for row in rows], [row["id"] for row in rows]
        lines = await self._pool.fetch(
            "SELECT l.* FROM order_lines l"
            " JOIN unnest($1::text[], $2::text[]) AS o (user_id, order_id)"
            " USING (user_id, order_id) ORDER BY l.position",
            *keys,
        )
        payments = await self._pool.fetch(
            "SELECT p.* FROM payments p"
            " JOIN unnest($1::text[], $2::text[]) AS o (user_id, order_id)"
            " USING (user_id, order_id) ORDER BY p.created_at, p.intent_id",
            *keys,
        )
        return assemble(rows, lines, payments)
