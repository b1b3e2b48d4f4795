"""Orders as their buyers see them, read whole: an order, its lines, its payment."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

import asyncpg

from kit.clock import from_micros, to_micros
from kit.ids import is_id
from kit.money import Money
from orders.decision import OrderStatus
from orders.drafts import Draft
from orders.paging import BadCursor, Cursors, Page

PaymentStatus = Literal[
    "OPENING", "REQUIRES_PAYMENT", "PROCESSING", "SUCCEEDED", "FAILED", "CANCELLED", "REFUNDED"
]
_LIST = "orders"


@dataclass(frozen=True, slots=True)
class OrderLineView:
    """One row of an order."""

    deal_id: str
    title: str
    quantity: int
    unit_price_minor: int


@dataclass(frozen=True, slots=True)
class PaymentView:
    """The payment that counts: the one that paid, else the newest."""

    status: PaymentStatus
    intent_id: str | None
    client_secret: str | None
    failure_message: str | None
    amount: Money


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with its lines and its payment."""

    id: str
    user_id: str
    number: str
    status: OrderStatus
    lines: list[OrderLineView]
    total: Money
    placed_at: datetime
    payment_due_at: datetime
    payment: PaymentView


class Archive:
    """Reads a buyer's orders; three queries a page, whatever its size."""

    def __init__(self, *, pool: asyncpg.Pool, cursors: Cursors) -> None:
        self._pool = pool
        self._cursors = cursors

    async def order(self, user_id: str, order_id: str) -> OrderView | None:
        """A buyer's order; None when there is none, or it is somebody else's."""
        if not is_id("ord", order_id):
            return None
        rows = await self._pool.fetch(
            "SELECT * FROM orders WHERE user_id = $1 AND id = $2 AND status <> 'ABANDONED'",
            user_id,
            order_id,
        )
        views = await self._views(user_id, rows)
        return views[0] if views else None

    async def page(self, user_id: str, *, first: int, after: str | None) -> Page[OrderView]:
        """A page of a buyer's orders, newest first.

        Raises:
            BadCursor: `after` was not made for this list.
        """
        placed_at, order_id = self._position(after)
        rows = await self._pool.fetch(
            "SELECT * FROM orders WHERE user_id = $1 AND status <> 'ABANDONED'"
            " AND ($2::timestamptz IS NULL OR (placed_at, id) < ($2, $3))"
            " ORDER BY placed_at DESC, id DESC LIMIT $4",
            user_id,
            placed_at,
            order_id,
            first + 1,
        )
        views = await self._views(user_id, rows[:first])
        return Page(
            items=views,
            cursors=[
                self._cursors.write(_LIST, to_micros(view.placed_at), view.id) for view in views
            ],
            has_next=len(rows) > first,
            has_previous=after is not None,
        )

    def _position(self, after: str | None) -> tuple[datetime | None, str | None]:
        if after is None:
            return None, None
        micros, order_id = self._cursors.read(_LIST, after)
        if not isinstance(micros, int) or not isinstance(order_id, str):
            raise BadCursor("This cursor was not made here.")
        return from_micros(micros), order_id

    async def _views(self, user_id: str, rows: Sequence[asyncpg.Record]) -> list[OrderView]:
        if not rows:
            return []
        ids = [row["id"] for row in rows]
        lines = await self._pool.fetch(
            "SELECT * FROM order_lines WHERE user_id = $1 AND order_id = ANY ($2::text[])"
            " ORDER BY position",
            user_id,
            ids,
        )
        payments = await self._pool.fetch(
            "SELECT * FROM payments WHERE user_id = $1 AND order_id = ANY ($2::text[])"
            " ORDER BY created_at, intent_id",
            user_id,
            ids,
        )
        return assemble(rows, lines, payments)


def assemble(
    rows: Sequence[asyncpg.Record],
    lines: Sequence[asyncpg.Record],
    payments: Sequence[asyncpg.Record],
) -> list[OrderView]:
    """Orders in the order of their rows; lines by position, payments from the oldest on."""
    lines_of: dict[str, list[OrderLineView]] = defaultdict(list)
    for line in lines:
        lines_of[line["order_id"]].append(
            OrderLineView(
                line["deal_id"], line["title"], line["quantity"], line["unit_price_minor"]
            )
        )
    payments_of: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for payment in payments:
        payments_of[payment["order_id"]].append(payment)
    return [_view(row, lines_of[row["id"]], payments_of[row["id"]]) for row in rows]


def just_placed(draft: Draft, payment: asyncpg.Record | None) -> OrderView:
    """An order as it was committed, with its only payment; None: that is still to be opened."""
    return OrderView(
        id=draft.order_id,
        user_id=draft.user_id,
        number=draft.number,
        status="PENDING_PAYMENT",
        lines=[
            OrderLineView(line.deal_id, line.title, line.quantity, line.unit_price_minor)
            for line in draft.lines
        ],
        total=draft.total,
        placed_at=draft.placed_at,
        payment_due_at=draft.payment_due_at,
        payment=_payment(payment, draft.total, unopened="OPENING", why=None),
    )


def _view(
    row: asyncpg.Record, lines: list[OrderLineView], payments: list[asyncpg.Record]
) -> OrderView:
    total = Money(row["total_minor"], row["currency"])
    counts = next(
        (p for p in payments if p["intent_id"] == row["paid_by"]),
        payments[-1] if payments else None,
    )
    refusal = row["intent_refusal"]
    return OrderView(
        id=row["id"],
        user_id=row["user_id"],
        number=row["number"],
        status=cast("OrderStatus", row["status"]),
        lines=lines,
        total=total,
        placed_at=row["placed_at"],
        payment_due_at=row["payment_due_at"],
        payment=_payment(
            counts, total, unopened="OPENING" if refusal is None else "CANCELLED", why=refusal
        ),
    )


def _payment(
    row: asyncpg.Record | None, total: Money, *, unopened: PaymentStatus, why: str | None
) -> PaymentView:
    """The payment that counts; where there is none, its status and why that is so."""
    if row is None:
        return PaymentView(unopened, None, None, why, total)
    return PaymentView(
        status=cast("PaymentStatus", row["status"]),
        intent_id=row["intent_id"],
        client_secret=row["client_secret"],
        failure_message=row["failure_message"],
        amount=total,
    )
