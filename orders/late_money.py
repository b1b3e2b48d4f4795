"""Money for an order that has ended takes its units at the gates once more (protocol rule 9)."""

import asyncpg
import structlog

from inventory.errors import HoldLapsed, PurchaseLimitReached, SoldOut
from inventory.stock import HoldAnswer, Stock
from orders.dealbook import DealBook
from orders.errors import NotFound
from orders.gatekeeper import Gatekeeper

log = structlog.get_logger()


class LateMoney:
    """Asks the gates of an order's deals for its units; writes nothing in Postgres."""

    def __init__(
        self, *, pool: asyncpg.Pool, stock: Stock, gatekeeper: Gatekeeper, dealbook: DealBook
    ) -> None:
        self._pool = pool
        self._stock = stock
        self._gatekeeper = gatekeeper
        self._dealbook = dealbook

    async def reclaim(self, user_id: str, order_id: str) -> dict[str, int] | None:
        """Take every line of an order once more: the epoch in which each deal's gate gave it.

        None: some gate has not enough of them. What other gates gave stays taken until their
        message of rank 5. May be repeated; no connection is held while the gates are asked.

        Raises:
            TryLater: a gate is out of reach; some lines may be taken. Repeat.
        """
        lines = await self._pool.fetch(
            "SELECT deal_id, quantity FROM order_lines WHERE user_id = $1 AND order_id = $2"
            " ORDER BY deal_id",
            user_id,
            order_id,
        )
        taken: dict[str, int] = {}
        for line in lines:
            try:
                taken[line["deal_id"]] = await self._reclaim_line(
                    user_id, order_id, line["deal_id"], line["quantity"]
                )
            except (SoldOut, PurchaseLimitReached, HoldLapsed, NotFound) as refusal:
                log.info(
                    "late_money_refused",
                    order_id=order_id,
                    deal_id=line["deal_id"],
                    reason=type(refusal).__name__,
                )
                return None
        return taken

    def forget_epochs(self, taken: dict[str, int]) -> None:
        """Read the epochs of these deals anew: one of them has moved since."""
        for deal_id in taken:
            self._dealbook.drop(deal_id)

    async def _reclaim_line(self, user_id: str, order_id: str, deal_id: str, units: int) -> int:
        """Take one line; the epoch under which the gate confirmed it."""
        confirmed = 0

        async def reclaim(epoch: int) -> HoldAnswer:
            nonlocal confirmed
            answer = await self._stock.reclaim(
                deal_id, user_id, units, epoch=epoch, order_id=order_id
            )
            confirmed = epoch
            return answer

        answer = await self._gatekeeper.at_gate(deal_id, reclaim)
        self._gatekeeper.announce(answer.counters)
        return confirmed
