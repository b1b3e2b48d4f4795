"""Opens the gate of a deal, and rebuilds it from Postgres when Redis has forgotten it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import TypeVar

import asyncpg
import structlog

from inventory.errors import GateRefusal, GateUnreadable, StaleEpoch
from inventory.stock import Counters, GateSnapshot, HoldAnswer, Stock
from kit.clock import to_ms
from models.records import Deal
from notifications.announcements import Announcer, StockNews
from orders.dealbook import DealBook
from orders.errors import OUT_OF_REACH, GateOutOfReach, NotFound, TryLater
from orders.gate_snapshot import read_snapshot
from orders.offer import limit_at_gate
from orders.sold_out import SoldOutBoard

log = structlog.get_logger()

T = TypeVar("T")

# A rebuild takes milliseconds; whoever finds one younger than this under way waits for it.
REBUILD_SECONDS = 0.5
WAIT_SECONDS = 0.05
# A rebuild that died is taken over after REBUILD_SECONDS, within this patience.
PATIENCE_SECONDS = 1.6
# Rebuilds at once in a process: each holds a connection while it reads a deal's orders.
MOST_REBUILDS = 3
# As many as a buyer's own call lapses in passing.
MOST_LAPSED_BY_A_LOOK = 16


class Gatekeeper:
    """Runs an attempt at a deal's gate under the present epoch, rebuilding the gate if it must."""

    def __init__(
        self,
        *,
        stock: Stock,
        pool: asyncpg.Pool,
        dealbook: DealBook,
        announcer: Announcer,
        sold_out: SoldOutBoard,
    ) -> None:
        self._stock = stock
        self._pool = pool
        self._dealbook = dealbook
        self._announcer = announcer
        self._sold_out = sold_out
        self._rebuilding: dict[str, asyncio.Task[bool]] = {}
        self._turns = asyncio.Semaphore(MOST_REBUILDS)

    async def at_gate(self, deal_id: str, attempt: Callable[[int], Awaitable[T]]) -> T:
        """What `attempt(epoch)` answers; repeated under a newer epoch when the gate has moved.

        Raises:
            NotFound: there is no such deal.
            GateOutOfReach: Redis does not answer.
            TryLater: the gate is being rebuilt. In both cases a repeat with the same operation id
                is safe.
        """
        give_up_at = monotonic() + PATIENCE_SECONDS
        while monotonic() < give_up_at:
            deal = await self._dealbook.get(deal_id)
            if deal is None:
                raise NotFound("deal")
            try:
                answer = await attempt(deal.epoch)
            except StaleEpoch as stale:
                self._dealbook.drop(deal_id)
                await self._catch_up(deal_id, ours=deal.epoch, gates=stale.gate_epoch)
            except GateRefusal as refusal:
                self._note(refusal.counters)
                self._tell_lapsed(refusal.counters, refusal.lapsed)
                raise
            except OUT_OF_REACH as error:
                log.warning("gate_unreachable", deal_id=deal_id, error=repr(error))
                raise GateOutOfReach(deal_id) from error
            else:
                if isinstance(answer, HoldAnswer):
                    self._note(answer.counters)
                    self._tell_lapsed(answer.counters, answer.lapsed)
                return answer
        raise _being_counted(deal_id)

    async def look(self, deal_id: str) -> None:
        """Lapse due holds of a deal that is taken for sold out, and note what is available then.

        Where the gate does not say, nothing is known of the deal any more.
        """
        answer: HoldAnswer | None = None
        try:
            answer = await self._stock.lapse_holds(deal_id, limit=MOST_LAPSED_BY_A_LOOK)
        except (GateUnreadable, *OUT_OF_REACH) as error:
            log.warning("gate_not_looked_at", deal_id=deal_id, error=repr(error))
        if answer is None:
            self._sold_out.forget(deal_id)
            return
        self._note(answer.counters)
        self._tell_lapsed(answer.counters, answer.lapsed)

    def announce(self, counters: Counters) -> None:
        """Tell everybody a deal's counters, as a script answered them."""
        self._note(counters)
        self._announcer.stock(_news(counters))

    def repeat(self, counters: Counters) -> None:
        """Tell counters that may have been told before: a lost message heals by this."""
        self._announcer.repeat(_news(counters))

    async def ensure_open(self, deal_id: str) -> None:
        """Open the gate of a deal if it is lost or of another epoch.

        Raises:
            NotFound: there is no such deal.
            TryLater: Redis is out of reach.
        """

        async def knock(epoch: int) -> None:
            counters = (await self._stock.read([deal_id]))[deal_id]
            if counters is None or counters.epoch != epoch:
                raise StaleEpoch(deal_id, None if counters is None else counters.epoch)

        await self.at_gate(deal_id, knock)

    async def tell_terms(self, deal: Deal) -> bool:
        """Tell the gate a deal's window, limit and pause; True if they were news to it.

        Raises:
            TryLater: Redis is out of reach; repeat, or let the next rebuild tell it.
        """

        async def set_terms(epoch: int) -> bool:
            return await self._stock.set_terms(
                deal.id,
                epoch=epoch,
                revision=deal.revision,
                opens_ms=to_ms(deal.starts_at),
                closes_ms=to_ms(deal.ends_at),
                limit=limit_at_gate(deal.purchase_limit, deal.price_minor),
                paused=deal.paused_at is not None,
            )

        return await self.at_gate(deal.id, set_terms)

    async def rebuild(self, deal_id: str, *, above: int) -> bool:
        """Open the gate under an epoch higher than `above`; False when somebody else is at it.

        Protocol rule 5: raise the epoch in Postgres first, then read, then write the gate. May be
        repeated, and by several processes at once: each epoch is raised and written by one of
        them, and a gate takes nothing older than it has. No connection is held while Redis is
        asked.

        Raises:
            redis.RedisError, TryLater: the epoch is raised and the gate is not open; call again.
        """
        run_id = await self._stock.run_id()
        async with self._turns:
            async with self._pool.acquire() as connection:
                raised = await connection.fetchval(
                    "UPDATE deals SET epoch = $2 + 1, epoch_raised_at = clock_timestamp(),"
                    " gate_closed_at = NULL"
                    " WHERE id = $1 AND epoch <= $2"
                    # One in the future is of a clock that was ahead, and of no rebuild under way.
                    " AND epoch_raised_at NOT BETWEEN clock_timestamp() - $3::interval"
                    " AND clock_timestamp() RETURNING true",
                    deal_id,
                    above,
                    timedelta(seconds=REBUILD_SECONDS),
                )
                self._dealbook.drop(deal_id)
                if not raised:
                    return False
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    snapshot = await read_snapshot(connection, deal_id, run_id)
            if snapshot is None or snapshot.epoch != above + 1:
                return False  # raised again since: this may be older than what that one counts
            counters = await self._write(snapshot)
        log.info(
            "gate_rebuilt", deal_id=deal_id, epoch=counters.epoch, available=counters.available
        )
        self.announce(counters)
        return True

    async def recount(self, deal_id: str, *, above: int) -> None:
        """Have the gate counted anew under an epoch above this one, by whomever.

        Raises:
            TryLater: it was not done in time; repeat.
        """
        give_up_at = monotonic() + PATIENCE_SECONDS
        while monotonic() < give_up_at:
            if await self.rebuild(deal_id, above=above):
                return
            deal = await self._dealbook.get(deal_id)
            if deal is None or deal.epoch > above:
                return
            await asyncio.sleep(WAIT_SECONDS)
        raise _being_counted(deal_id)

    async def _write(self, snapshot: GateSnapshot) -> Counters:
        """Write a gate; one that cannot be read is lost, and is removed first."""
        deal_id = snapshot.deal_id
        try:
            return await self._stock.rebuild(snapshot)
        except GateUnreadable as error:
            log.warning("gate_unreadable", deal_id=deal_id, error=repr(error.__cause__))
        await self._stock.close(deal_id)
        try:
            return await self._stock.rebuild(snapshot)
        except GateUnreadable as error:
            raise _being_counted(deal_id) from error

    def _tell_lapsed(self, counters: Counters | None, buyer_ids: Sequence[str]) -> None:
        """Tell of holds of other buyers that lapsed in passing."""
        if counters is None or not buyer_ids:
            return
        self.announce(counters)
        for buyer_id in buyer_ids:
            self._announcer.cart(buyer_id)

    def _note(self, counters: Counters | None) -> None:
        """Remember whether a deal is sold out."""
        if counters is not None:
            self._sold_out.note(
                counters.deal_id, counters.epoch, counters.version, counters.available
            )

    async def _catch_up(self, deal_id: str, *, ours: int, gates: int | None) -> None:
        """Reopen a gate that is lost or behind; where ours was behind, the next read mends it."""
        if gates is not None and gates > ours:
            deal = await self._dealbook.get(deal_id)
            if deal is None or deal.epoch >= gates:
                return
            # A gate ahead of Postgres: Postgres was restored from a backup.
            ours = gates
        await self._reopen(deal_id, above=ours)

    async def _reopen(self, deal_id: str, *, above: int) -> None:
        """One rebuild for all callers of this process that wait for it; else wait a moment."""
        task = self._rebuilding.get(deal_id)
        if task is None:
            task = asyncio.create_task(self.rebuild(deal_id, above=above), name=f"gate {deal_id}")
            self._rebuilding[deal_id] = task
            task.add_done_callback(lambda done: self._rebuilt(deal_id, done))
        try:
            if not await asyncio.shield(task):
                await asyncio.sleep(WAIT_SECONDS)
        except OUT_OF_REACH as error:
            raise GateOutOfReach(deal_id) from error

    def _rebuilt(self, deal_id: str, done: "asyncio.Task[bool]") -> None:
        self._rebuilding.pop(deal_id, None)
        if not done.cancelled() and done.exception() is not None:
            log.warning("gate_not_rebuilt", deal_id=deal_id, error=repr(done.exception()))


def _news(counters: Counters) -> StockNews:
    return StockNews(
        deal_id=counters.deal_id,
        epoch=counters.epoch,
        version=counters.version,
        allotment=counters.allotment,
        available=counters.available,
        held=counters.held,
        sold=counters.committed,
        as_of_ms=counters.as_of_ms,
    )


def _being_counted(deal_id: str) -> TryLater:
    return TryLater(
        retry_after_ms=500, reason="the stock of this deal is being counted", deal_id=deal_id
    )
