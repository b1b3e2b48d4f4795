"""refundOrder: an operator sends the money of an order back."""

from dataclasses import dataclass

import asyncpg
import structlog

from kit.ids import is_id
from notifications.announcements import Announcer
from orders import jobs
from orders.errors import InvalidInput, NotFound
from orders.text import check_line

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OrderRef:
    """An order and whose it is."""

    user_id: str
    order_id: str


class Refunding:
    """Starts refunds; settlement goes on from there, and frees the units when the money is back."""

    def __init__(self, *, pool: asyncpg.Pool, announcer: Announcer) -> None:
        self._pool = pool
        self._announcer = announcer

    async def refund(self, order_id: str, *, restock: bool, reason: str, actor: str) -> OrderRef:
        """Have all money of a paid or doubtful order sent back; it is REFUND_PENDING then.

        With `restock` its units go back on sale afterwards, else the allotment shrinks by them.
        May be repeated: the first word about an order that is being refunded stands. The amounts
        are the provider's to tell, so they are asked for behind the commit (protocol rule 9).

        Raises:
            NotFound: there is no such order.
            InvalidInput: the reason cannot be used, or there is nothing to refund; nothing was
                written.
        """
        note = check_line("reason", reason, most=500)
        if not is_id("ord", order_id):
            raise NotFound("order")
        async with self._pool.acquire() as connection, connection.transaction():
            moved = await connection.fetchrow(
                "UPDATE orders SET status = 'REFUND_PENDING', refund_restock = $2,"
                " refund_reason = $3, refund_actor = $4, updated_at = now()"
                " WHERE id = $1 AND status IN ('PAID', 'UNDER_REVIEW') RETURNING user_id",
                order_id,
                restock,
                note,
                actor,
            )
            if moved is not None:
                settle = {"user_id": moved["user_id"], "order_id": order_id}
                await jobs.stage(connection, jobs.SETTLE, settle)
        if moved is None:
            return await self._as_it_is(order_id)
        log.info("refund_begun", order_id=order_id, restock=restock, actor=actor)
        self._announcer.order(moved["user_id"], order_id)
        return OrderRef(moved["user_id"], order_id)

    async def _as_it_is(self, order_id: str) -> OrderRef:
        """An order that is being refunded, or was; any other is refused with the reason."""
        found = await self._pool.fetchrow(
            "SELECT user_id, status FROM orders WHERE id = $1 AND status <> 'ABANDONED'", order_id
        )
        if found is None:
            raise NotFound("order")
        match found["status"]:
            case "REFUND_PENDING" | "REFUNDED":
                return OrderRef(found["user_id"], order_id)
            case "PENDING_PAYMENT":
                raise InvalidInput("orderId", "This order is not paid. Its buyer can cancel it.")
            case "CANCELLING" | "EXPIRING":
                raise InvalidInput("orderId", "This order is not paid, and is about to end.")
            case "CANCELLED" | "EXPIRED":
                raise InvalidInput("orderId", "This order has ended, and no money is kept for it.")
            case status:
                raise InvalidInput("orderId", f"This order is {status} by now. Look at it again.")
