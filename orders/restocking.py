"""adjustStock: an operator gives a deal more units, or takes back what nobody holds."""

import asyncio

import asyncpg
import structlog
from redis.exceptions import RedisError

from inventory.errors import BelowHeldAndSold, StaleEpoch
from inventory.stock import Counters, Stock
from kit.clock import Clock
from kit.ids import is_id, new_id
from notifications.announcements import Announcer
from orders.dealbook import DealBook
from orders.errors import OUT_OF_REACH, InvalidInput, NotFound, TryLater
from orders.gatekeeper import Gatekeeper
from orders.giving import hand_over, stage_gift
from orders.ledger import Connection, LedgerPage, LockedDeal, lock_deals
from orders.offer import MOST_UNITS
from orders.text import check_line

log = structlog.get_logger()


class Restocking:
    """Changes a deal's allotment in Postgres and at the gate, in the order that is safe."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        stock: Stock,
        gatekeeper: Gatekeeper,
        dealbook: DealBook,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._stock = stock
        self._gatekeeper = gatekeeper
        self._dealbook = dealbook
        self._announcer = announcer
        self._clock = clock

    async def adjust_stock(self, deal_id: str, delta: int, *, reason: str, actor: str) -> str:
        """Give a deal more units or take unheld ones back. Not idempotent.

        More: Postgres first, then the gate by a job that names the epoch. Less: the gate first,
        so that nobody is promised a unit that is gone, then Postgres under the same epoch
        (protocol rule 11).

        Raises:
            NotFound: there is no such deal.
            InvalidInput: nothing to change, or fewer than `-delta` units are neither held nor
                sold; nothing was written.
            TryLater: the gate is out of reach; nothing was written in Postgres.
        """
        note = check_line("reason", reason, most=500)
        if delta == 0 or abs(delta) > MOST_UNITS:
            raise InvalidInput("delta", f"A number of units other than 0, at most {MOST_UNITS}.")
        if not is_id("deal", deal_id) or await self._dealbook.get(deal_id) is None:
            raise NotFound("deal")
        if delta > 0:
            await self._raise(deal_id, delta, note=note, actor=actor)
        else:
            await self._lower(deal_id, -delta, note=note, actor=actor)
        self._announcer.deal(deal_id)
        return deal_id

    async def _raise(self, deal_id: str, units: int, *, note: str, actor: str) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            deal = await _lock(connection, deal_id)
            if deal.allotment + deal.safety_stock + units > MOST_UNITS:
                raise InvalidInput("delta", f"A deal has at most {MOST_UNITS} units.")
            page = LedgerPage(now=self._clock.now())
            page.move(deal, "RAISED", units, actor=actor, note=note)
            await page.write(connection)
            gift = await stage_gift(connection, deal, units)
        await hand_over(gift, stock=self._stock, gatekeeper=self._gatekeeper)

    async def _lower(self, deal_id: str, units: int, *, note: str, actor: str) -> None:
        operation_id = new_id("req")
        confirmed = 0

        async def withdraw(epoch: int) -> Counters:
            nonlocal confirmed
            counters = await self._stock.adjust_stock(
                deal_id, -units, epoch=epoch, operation_id=operation_id
            )
            confirmed = epoch
            return counters

        try:
            counters = await self._gatekeeper.at_gate(deal_id, withdraw)
        except BelowHeldAndSold as refusal:
            raise InvalidInput(
                "delta", f"Only {refusal.available} units are neither held nor sold."
            ) from None
        recording = asyncio.create_task(
            self._record_or_undo(deal_id, units, confirmed, operation_id, note=note, actor=actor),
            name=f"lower {deal_id}",
        )
        await asyncio.shield(recording)  # a caller that gives up leaves no units in between
        self._gatekeeper.announce(counters)

    async def _record_or_undo(
        self, deal_id: str, units: int, epoch: int, operation_id: str, *, note: str, actor: str
    ) -> None:
        """Write what the gate gave up; the gate gets it back only if Postgres surely did not."""
        try:
            await self._lower_record(deal_id, units, epoch=epoch, note=note, actor=actor)
        except (TryLater, NotFound, asyncpg.IntegrityConstraintViolationError):
            await self._put_back(deal_id, units, epoch=epoch, operation_id=operation_id)
            raise
        except OUT_OF_REACH as error:
            # Perhaps it has committed: the gate is counted anew from Postgres, which knows.
            log.warning("lowering_unknown", deal_id=deal_id, units=units, error=repr(error))
            await self._gatekeeper.recount(deal_id, above=epoch)
            raise

    async def _lower_record(
        self, deal_id: str, units: int, *, epoch: int, note: str, actor: str
    ) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            deal = await _lock(connection, deal_id)
            if deal.epoch != epoch or deal.unclaimed < units:
                raise TryLater(retry_after_ms=500, reason="the stock of this deal is being counted")
            page = LedgerPage(now=self._clock.now())
            page.move(deal, "LOWERED", units, actor=actor, note=note)
            await page.write(connection)

    async def _put_back(self, deal_id: str, units: int, *, epoch: int, operation_id: str) -> None:
        """Give the gate back what Postgres did not take; a rebuilt gate never lost it."""
        try:
            await self._stock.adjust_stock(
                deal_id, units, epoch=epoch, operation_id=f"{operation_id}:undo"
            )
        except (StaleEpoch, RedisError, OSError) as error:
            log.warning("units_not_put_back", deal_id=deal_id, units=units, error=repr(error))


async def _lock(connection: Connection, deal_id: str) -> LockedDeal:
    deals = await lock_deals(connection, [deal_id])
    if deal_id not in deals:
        raise NotFound("deal")
    return deals[deal_id]
