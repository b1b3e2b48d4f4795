"""cancelOrder: the buyer gives an unpaid order back."""

import asyncio

import structlog

from kit.ids import is_id
from orders.errors import NotFound, OrderNotCancellable, TryLater
from orders.settlement import Settlement
from payments.errors import ProviderRefused, ProviderUnreachable

log = structlog.get_logger()

# The buyer waits this long for the provider; then the order is CANCELLING and the poller goes on.
PATIENCE_SECONDS = 2.0


class Cancelling:
    """Cancels orders that are not paid; units are freed once the provider has confirmed it."""

    def __init__(self, *, settlement: Settlement) -> None:
        self._settlement = settlement

    async def cancel(self, user_id: str, order_id: str) -> str:
        """The id of the order, which is CANCELLING or CANCELLED now. May be repeated.

        Raises:
            NotFound: there is no such order of this buyer.
            OrderNotCancellable: it is paid, over, or under review; nothing was changed.
        """
        if not is_id("ord", order_id):
            raise NotFound("order")
        status = await self._settlement.begin_cancelling(user_id, order_id)
        match status:
            case None | "ABANDONED":
                raise NotFound("order")
            case "CANCELLED":
                return order_id
            case "CANCELLING":
                settling = asyncio.create_task(
                    self._settle(user_id, order_id), name=f"cancel {order_id}"
                )
                await asyncio.wait({settling}, timeout=PATIENCE_SECONDS)
                return order_id
            case _:
                raise OrderNotCancellable(status)

    async def _settle(self, user_id: str, order_id: str) -> None:
        try:
            await self._settlement.settle(user_id, order_id)
        except (ProviderUnreachable, ProviderRefused, TryLater) as error:
            log.warning("cancel_goes_on_later", order_id=order_id, error=repr(error))
