"""The API's own attempt at the payment intent of an order that it has just placed."""

import asyncio

import structlog

from orders.archive import OrderView, just_placed
from orders.drafts import Draft
from orders.intents import Intents, OrderKey
from payments.gateway import Gateway

log = structlog.get_logger()

# The buyer waits this long for the provider; then the intent is OPENING and a job takes over.
PATIENCE_SECONDS = 2.0


class Opening:
    """Opens intents while their buyers wait, as long as that is no waiting in vain.

    Attempts take their turns in the order of their coming. One whose turn comes too late is not
    made at all, so that those that are made have their answers in time, and the job, which comes
    in any case, finds the provider's pace unspent.
    """

    def __init__(self, *, intents: Intents, gateway: Gateway) -> None:
        self._intents = intents
        self._gateway = gateway
        self._under_way: set[asyncio.Task[OrderView | None]] = set()

    async def attempt(self, draft: Draft) -> OrderView | None:
        """The order as it is now, told without reading it; None when it is to be read.

        Holds no database connection while the provider is asked. Never raises: what fails here is
        repeated by the job that was staged with the order.
        """
        if self._gateway.wait_seconds > PATIENCE_SECONDS:
            return just_placed(draft, None)
        opening = asyncio.create_task(self._open(draft), name=f"open intent {draft.order_id}")
        # What is still under way when patience ends goes on, and nobody else keeps the task.
        self._under_way.add(opening)
        opening.add_done_callback(self._under_way.discard)
        await asyncio.wait({opening}, timeout=PATIENCE_SECONDS)
        return opening.result() if opening.done() else None

    async def _open(self, draft: Draft) -> OrderView | None:
        key = OrderKey(draft.user_id, draft.order_id, draft.number, draft.total)
        try:
            opened = await self._intents.open(key)
        except Exception as error:  # noqa: BLE001 - nobody awaits this; the job repeats it
            log.warning("intent_not_opened", order_id=draft.order_id, error=repr(error))
            return None
        if opened is None or opened["order_status"] != "PENDING_PAYMENT":
            return None
        return just_placed(draft, opened)
