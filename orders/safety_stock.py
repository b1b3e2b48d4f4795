"""Safety stock: units withheld from sale, released by an operator or by the deal's rule."""

import asyncpg
import structlog

from inventory.stock import Stock
from kit.clock import Clock
from kit.ids import is_id
from notifications.announcements import Announcer
from orders.errors import InvalidInput, NotFound
from orders.gatekeeper import Gatekeeper
from orders.giving import Gift, hand_over, stage_gift
from orders.ledger import Connection, LedgerPage, LockedDeal, lock_deals

log = structlog.get_logger()


class SafetyStock:
    """Moves units from what a deal withholds to what it sells; never more than it withholds."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        stock: Stock,
        gatekeeper: Gatekeeper,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._stock = stock
        self._gatekeeper = gatekeeper
        self._announcer = announcer
        self._clock = clock

    async def release(self, deal_id: str, units: int, *, actor: str) -> str:
        """Put withheld units on sale: Postgres first (protocol rule 11). Not idempotent.

        Raises:
            NotFound: there is no such deal.
            InvalidInput: fewer units than that are withheld; nothing was written.
        """
        if not is_id("deal", deal_id):
            raise NotFound("deal")
        async with self._pool.acquire() as connection, connection.transaction():
            deal = (await lock_deals(connection, [deal_id])).get(deal_id)
            if deal is None:
                raise NotFound("deal")
            if not 1 <= units <= deal.safety_stock:
                raise InvalidInput("units", _bounds(deal.safety_stock))
            gift = await self._move(connection, deal, units, actor=actor, note="")
        await self._tell(gift, actor=actor)
        return deal_id

    async def _move(
        self, connection: Connection, deal: LockedDeal, units: int, *, actor: str, note: str
    ) -> Gift:
        """Write the release of a locked deal's units, and the message to its gate."""
        page = LedgerPage(now=self._clock.now())
        if not await _has_withheld_entry(connection, deal.id):
            page.move(deal, "WITHHELD", deal.safety_stock, actor=actor, note="entered late")
        deal.safety_stock -= units
        page.move(deal, "RELEASED", units, actor=actor, note=note)
        await page.write(connection)
        return await stage_gift(connection, deal, units)

    async def _tell(self, gift: Gift, *, actor: str) -> None:
        log.info("safety_stock_released", deal_id=gift.deal_id, units=gift.delta, actor=actor)
        await hand_over(gift, stock=self._stock, gatekeeper=self._gatekeeper)
        await self._announcer.deal(gift.deal_id)


async def _has_withheld_entry(connection: Connection, deal_id: str) -> bool:
    """False for a deal older than the reason: what it withholds was never entered."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM stock_ledger WHERE deal_id = $1 AND reason = 'WITHHELD'"
            " ORDER BY seq LIMIT 1)",
            deal_id,
        )
    )


def _bounds(withheld: int) -> str:
    if withheld == 0:
        return "No units of this deal are withheld."
    return f"1 to {withheld} units: what is withheld."
