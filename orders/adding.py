"""Adding to a cart at the gate: in one script where that can be, else step by step."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from admission.limiter import Limiter, Subject
from inventory.carts import CartIndex, Noted
from inventory.errors import CartFull, GateRefusal, GateUnreadable, KeyReused
from inventory.errors import DealNotLive as GateNotLive
from inventory.errors import PurchaseLimitReached as GateLimitReached
from inventory.errors import SoldOut as GateSoldOut
from inventory.stock import Counters, Hold, HoldAnswer, Stock
from kit.clock import Clock
from notifications.announcements import Announcer
from orders.at_once import AddAtOnce, Added, Addition
from orders.dealbook import DealBook
from orders.errors import (
    OUT_OF_REACH,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    PurchaseLimitReached,
    Refusal,
    SoldOut,
)
from orders.gatekeeper import Gatekeeper
from orders.liveness import not_live
from orders.supersession import Supersession

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CartAfter:
    """The deals of a cart after it was added to, and the hold of one of them where it is known."""

    deal_ids: Sequence[str]
    hold: Hold | None


class _CannotBeRead(Exception):
    """Something that the script for all steps needs cannot be read; some step will say what."""


class Adding:
    """Counts an attempt, notes the deal and its key, holds the units, and tells of it."""

    def __init__(
        self,
        *,
        stock: Stock,
        index: CartIndex,
        at_once: AddAtOnce,
        limiter: Limiter,
        gatekeeper: Gatekeeper,
        dealbook: DealBook,
        supersession: Supersession,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._stock = stock
        self._index = index
        self._at_once = at_once
        self._limiter = limiter
        self._gatekeeper = gatekeeper
        self._dealbook = dealbook
        self._supersession = supersession
        self._announcer = announcer
        self._clock = clock

    async def put(self, wanted: Addition, subjects: Sequence[Subject]) -> CartAfter:
        """Add to a cart, or change it, counting one attempt of each of `subjects`.

        A refusal leaves nothing behind.

        Raises:
            RateLimited: as below, and the attempt is not counted.
            InvalidInput, NotFound, IdempotencyKeyReused, SoldOut, PurchaseLimitReached,
            DealNotLive: nothing was written.
            TryLater, redis.RedisError: the outcome is unknown; repeat with the same operation id.
        """
        try:
            if await self._can_be_at_once():
                return await self._put_at_once(wanted, subjects)
        except _CannotBeRead:
            pass
        await self._limiter.admit_all(subjects)
        return await self._put_step_by_step(wanted)

    async def tell(self, user_id: str, open_checkout: str | None, counters: Counters) -> None:
        """Tell everybody whom a changed hold concerns; the checkout made from it is over."""
        await self._supersession.cart_changed(user_id, open_checkout)
        self._gatekeeper.announce(counters)
        self._announcer.cart(user_id)

    async def _can_be_at_once(self) -> bool:
        try:
            return await self._at_once.is_possible()
        except OUT_OF_REACH:
            return False  # the steps know how to say so

    async def _put_at_once(self, wanted: Addition, subjects: Sequence[Subject]) -> CartAfter:
        counted = self._limiter.for_script(subjects)

        async def add(epoch: int) -> Added:
            nonlocal counted
            try:
                return await self._at_once.add(wanted, epoch=epoch, counted=counted)
            except GateUnreadable as error:
                raise _CannotBeRead from error
            except (GateRefusal, CartFull):
                counted = ()
                raise
            except OUT_OF_REACH as error:
                self._limiter.not_counted(counted, error)
                raise

        try:
            added = await self._gatekeeper.at_gate(wanted.deal_id, add)
        except KeyReused:
            raise IdempotencyKeyReused from None
        except CartFull as full:
            await self._make_room(wanted.user_id, full)
            return await self._put_at_once(wanted, counted)
        except (GateSoldOut, GateLimitReached, GateNotLive) as refusal:
            raise await self._refusal(wanted.deal_id, refusal) from None
        if added.changed or added.was_done:
            # Done may have been said to a repeat whose first answer was lost.
            await self.tell(wanted.user_id, added.open_checkout, added.counters)
        if wanted.key is not None and added.open_checkout is not None:
            await self._index.finish_key(wanted.user_id, wanted.key)
        return CartAfter(added.entries, added.hold)

    async def _put_step_by_step(self, wanted: Addition) -> CartAfter:
        noted = await self._note(wanted)
        if noted.state != "DONE":
            await self._hold(wanted, noted)
            if wanted.key is None:
                await self._note(wanted)  # another tab may have taken it out meanwhile
            else:
                await self._index.finish_key(wanted.user_id, wanted.key)
        return CartAfter(await self._index.deals(wanted.user_id), None)

    async def _note(self, wanted: Addition) -> Noted:
        """Write the deal into the cart before the hold, so that no hold is invisible."""
        try:
            return await self._index.note(
                wanted.user_id,
                wanted.deal_id,
                key=wanted.key,
                fingerprint=wanted.fingerprint,
                keep_for=wanted.key_life,
            )
        except KeyReused:
            raise IdempotencyKeyReused from None
        except CartFull as full:
            await self._make_room(wanted.user_id, full)
            return await self._note(wanted)

    async def _hold(self, wanted: Addition, noted: Noted) -> None:
        """Make the hold at the gate, or change it."""

        async def set_hold(epoch: int) -> HoldAnswer:
            return await self._stock.set_hold(
                wanted.deal_id,
                wanted.user_id,
                wanted.units,
                mode=wanted.mode,
                epoch=epoch,
                operation_id=wanted.operation_id,
                hold_for=wanted.hold_for,
            )

        try:
            answer = await self._gatekeeper.at_gate(wanted.deal_id, set_hold)
        except (GateSoldOut, GateLimitReached, GateNotLive, NotFound) as refusal:
            await self._take_note_back(wanted)
            raise await self._refusal(wanted.deal_id, refusal) from None
        if answer.changed:
            await self.tell(wanted.user_id, noted.open_checkout, answer.counters)

    async def _make_room(self, user_id: str, full: CartFull) -> None:
        """Forget the deals of a cart whose holds have lapsed.

        Raises:
            InvalidInput: there are none.
        """
        entries = await self._index.entries(user_id)
        holds = await self._stock.read_holds(user_id, list(entries))
        lapsed = {deal_id: entry for deal_id, entry in entries.items() if deal_id not in holds}
        await self._index.forget(user_id, lapsed)
        if not lapsed:
            raise InvalidInput("dealId", f"A cart has at most {full.most} deals.") from None

    async def _take_note_back(self, wanted: Addition) -> None:
        """A refusal leaves nothing behind; what Redis does not hear of now lapses with the cart."""
        try:
            if wanted.key is None:
                await self._index.drop_note(wanted.user_id, wanted.deal_id)
            else:
                await self._index.drop_key(wanted.user_id, wanted.key)
        except (RedisError, OSError) as error:
            log.warning(
                "note_left_behind",
                user_id=wanted.user_id,
                deal_id=wanted.deal_id,
                error=repr(error),
            )

    async def _refusal(self, deal_id: str, refusal: Exception) -> Refusal:
        """What the gate refused, as the buyer is told it."""
        match refusal:
            case GateSoldOut():
                return SoldOut(deal_id, available=refusal.available)
            case GateLimitReached():
                return PurchaseLimitReached(
                    deal_id, limit=refusal.limit, already_yours=refusal.already_yours
                )
            case GateNotLive():
                return await not_live(self._dealbook, deal_id, now=self._clock.now())
            case _:
                return NotFound("deal")
