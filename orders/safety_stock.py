"""Safety stock: units withheld from sale, released by an operator or by the deal's rule."""

from collections.abc import Mapping
from typing import Final

import asyncpg
import structlog

from inventory.stock import Stock
from kit.clock import Clock
from kit.ids import is_id
from notifications.announcements import Announcer
from orders.errors import InvalidInput, NotFound
from orders.gatekeeper import Gatekeeper
from orders.giving import Gift, hand_over, stage_gift
from orders.ledger import OPENING_NOTE, Connection, LedgerPage, LockedDeal, lock_deals
from orders.phases import phase_of
from orders.statements import sql

log = structlog.get_logger()

# Who releases when nobody does, as the ledger names them.
RULE: Final = "rule"
# Deals in one round trip to the gate; a pass goes on until it has seen all of them.
_DEALS_AT_A_TIME: Final = 200


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

    async def release_safety_stock(self) -> int:
        """Release all that live deals withhold and their rules let go; how many deals did so.

        Sold out is what the gate says: no unit may be held now. A gate of another epoch than
        Postgres has says nothing. May be repeated, and by several workers at once: each deal is
        released by one of them.

        Raises:
            redis.RedisError: what was due by time is released; repeat for the rest.
        """
        released = 0
        waiting: dict[str, int] = {}
        last = ""
        while page := await self._pool.fetch(
            sql("deals_to_release"), last, self._clock.now(), _DEALS_AT_A_TIME
        ):
            last = page[-1]["id"]
            for deal in page:
                if deal["due"]:
                    released += await self._release_by_rule(deal["id"])
                else:
                    waiting[deal["id"]] = deal["epoch"]
        for deal_id in await self._sold_out(waiting):
            released += await self._release_by_rule(deal_id, sold_out_in=waiting[deal_id])
        return released

    async def _sold_out(self, epochs: Mapping[str, int]) -> list[str]:
        """Those of the deals whose gate, of this epoch, has no unit to hold."""
        found: list[str] = []
        deal_ids = list(epochs)
        for start in range(0, len(deal_ids), _DEALS_AT_A_TIME):
            counters = await self._stock.read(deal_ids[start : start + _DEALS_AT_A_TIME])
            found += [
                deal_id
                for deal_id, at_gate in counters.items()
                if at_gate is not None
                and at_gate.available == 0
                and at_gate.epoch == epochs[deal_id]
            ]
        return found

    async def _release_by_rule(self, deal_id: str, *, sold_out_in: int | None = None) -> bool:
        """Release all that a deal withholds if its rule, read under the lock, still says so.

        `sold_out_in` is the epoch of the gate that had no unit left.
        """
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            deal = (await lock_deals(connection, [deal_id])).get(deal_id)
            if deal is None or deal.safety_stock == 0 or phase_of(deal, now) != "LIVE":
                return False
            rule = await connection.fetchrow(
                "SELECT release_when_sold_out, release_at FROM deals WHERE id = $1", deal_id
            )
            assert rule is not None
            if rule["release_at"] is not None and rule["release_at"] <= now:
                why = "its time came"
            elif rule["release_when_sold_out"] and sold_out_in == deal.epoch:
                why = "sold out"
            else:
                return False
            gift = await self._move(connection, deal, deal.safety_stock, actor=RULE, note=why)
        await self._tell(gift, actor=RULE)
        return True

    async def _move(
        self, connection: Connection, deal: LockedDeal, units: int, *, actor: str, note: str
    ) -> Gift:
        """Write the release of a locked deal's units, and the message to its gate."""
        page = LedgerPage(now=self._clock.now())
        if not await _tells_what_is_withheld(connection, deal.id):
            page.move(deal, "WITHHELD", deal.safety_stock, actor=actor, note="entered late")
        deal.safety_stock -= units
        page.move(deal, "RELEASED", units, actor=actor, note=note)
        await page.write(connection)
        return await stage_gift(connection, deal, units)

    async def _tell(self, gift: Gift, *, actor: str) -> None:
        log.info("safety_stock_released", deal_id=gift.deal_id, units=gift.delta, actor=actor)
        await hand_over(gift, stock=self._stock, gatekeeper=self._gatekeeper)
        self._announcer.deal(gift.deal_id)


async def _tells_what_is_withheld(connection: Connection, deal_id: str) -> bool:
    """Whether the ledger does. For a deal older than the reason it is entered late."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM stock_ledger WHERE deal_id = $1"
            " AND (reason = 'WITHHELD' OR reason = 'OPENED' AND note = $2) ORDER BY seq LIMIT 1)",
            deal_id,
            OPENING_NOTE,
        )
    )


def _bounds(withheld: int) -> str:
    if withheld == 0:
        return "No units of this deal are withheld."
    return f"1 to {withheld} units: what is withheld."
