"""While Redis is down altogether: whether that is so, and how fast orders may pass it by."""

import asyncio
from time import monotonic

import structlog

from inventory.stock import Stock
from orders.errors import OUT_OF_REACH, GateOutOfReach, TryLater

log = structlog.get_logger()

# A living server answers within a millisecond; one that is only slow must not be passed by.
KNOCK_SECONDS = 1.0
# For this long after a knock in vain nobody waits for the gate again.
BELIEVED_SECONDS = 2.0


class Outage:
    """Lets orders of frozen checkouts past a gate that does not answer, so many a second.

    The figure is for one process. Whoever is let past leaves the decision to Postgres alone.
    """

    def __init__(self, stock: Stock, *, orders_per_second: float) -> None:
        self._stock = stock
        self._interval = 1 / orders_per_second
        # Unused turns of one second may be used at once.
        self._burst_seconds = 1.0
        self._free_at = 0.0
        self._found_at = -BELIEVED_SECONDS

    @property
    def under_way(self) -> bool:
        """Whether somebody knocked in vain a moment ago."""
        return monotonic() - self._found_at < BELIEVED_SECONDS

    async def take_turn(self) -> None:
        """Return when an order may pass the gate by.

        Raises:
            GateOutOfReach: Redis does answer, so the attempt is to be repeated at the gate.
            TryLater: more orders pass by already than Postgres should decide alone.
        """
        if not self.under_way:
            await self._knock()
        now = monotonic()
        turn = max(self._free_at, now - self._burst_seconds)
        if turn > now:
            wait_ms = round((turn - now) * 1000)
            raise TryLater(retry_after_ms=wait_ms, reason="the stock is out of reach")
        self._free_at = turn + self._interval

    async def _knock(self) -> None:
        try:
            async with asyncio.timeout(KNOCK_SECONDS):
                await self._stock.run_id()
        except OUT_OF_REACH as error:
            log.warning("gate_passed_by", error=repr(error))
            self._found_at = monotonic()
        else:
            raise GateOutOfReach
