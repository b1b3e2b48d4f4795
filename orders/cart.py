"""The cart: what a buyer holds, changed at the gate and nowhere else."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog
from redis.exceptions import RedisError

from inventory.carts import CartIndex, Noted
from inventory.errors import CartFull, KeyReused
from inventory.errors import DealNotLive as GateNotLive
from inventory.errors import PurchaseLimitReached as GateLimitReached
from inventory.errors import SoldOut as GateSoldOut
from inventory.stock import Counters, Hold, HoldAnswer, HoldState, Stock
from kit.clock import Clock, from_ms
from kit.ids import is_id, new_id
from kit.settings import Settings
from notifications.announcements import Announcer
from orders.dealbook import DealBook
from orders.errors import (
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

# A client that repeats an addToCart does so within the day.
KEY_LIFE = timedelta(hours=24)
MOST_KEY_CHARACTERS = 128


@dataclass(frozen=True, slots=True)
class CartLine:
    """One deal in a cart and the hold behind it."""

    deal_id: str
    units: int
    state: HoldState
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CartView:
    """What a buyer holds right now, in the order of adding."""

    user_id: str
    lines: list[CartLine]


class Carts:
    """Adds to a cart, changes it, reads it. Every change is one script at the deal's gate."""

    def __init__(
        self,
        *,
        stock: Stock,
        index: CartIndex,
        gatekeeper: Gatekeeper,
        dealbook: DealBook,
        supersession: Supersession,
        announcer: Announcer,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._stock = stock
        self._index = index
        self._gatekeeper = gatekeeper
        self._dealbook = dealbook
        self._supersession = supersession
        self._announcer = announcer
        self._clock = clock
        self._hold_for = timedelta(seconds=settings.hold_seconds)

    async def add(self, user_id: str, *, deal_id: str, quantity: int, key: str | None) -> CartView:
        """Hold `quantity` more units of a deal. With a key it may be repeated: one effect.

        A refusal leaves nothing behind, so the same key may try again.

        Raises:
            InvalidInput, NotFound, IdempotencyKeyReused, SoldOut, PurchaseLimitReached,
            DealNotLive: nothing was written.
            TryLater, redis.RedisError: the outcome is unknown; repeat with the same key.
        """
        if quantity < 1:
            raise InvalidInput("quantity", "The quantity must be at least 1.")
        if key is not None:
            check_key(key)
        await self._known_deal(deal_id)
        noted = await self._note(user_id, deal_id, key=key, fingerprint=f"{deal_id}:{quantity}")
        if noted.state == "DONE":
            return await self.read(user_id)
        view = await self._change(user_id, deal_id, quantity, "add", noted, key=key)
        if key is not None:
            await self._index.finish_key(user_id, key)
        return view

    async def change(self, user_id: str, *, deal_id: str, quantity: int) -> CartView:
        """Make the buyer's hold on a deal `quantity` units; 0 removes it. May be repeated.

        Raises:
            InvalidInput, NotFound, SoldOut, PurchaseLimitReached, DealNotLive: nothing was written.
            TryLater, redis.RedisError: the outcome is unknown; repeat.
        """
        if quantity < 0:
            raise InvalidInput("quantity", "The quantity must be at least 0.")
        if quantity == 0:
            return await self.remove(user_id, deal_id=deal_id)
        await self._known_deal(deal_id)
        noted = await self._note(user_id, deal_id)
        return await self._change(user_id, deal_id, quantity, "set", noted)

    async def remove(self, user_id: str, *, deal_id: str) -> CartView:
        """Give a hold back. May be repeated: the second time there is nothing to remove.

        Raises:
            NotFound: the deal is not in the cart.
            TryLater, redis.RedisError: the outcome is unknown; repeat.
        """
        await self._known_deal(deal_id)
        holds = await self._stock.read_holds(user_id, [deal_id])
        if deal_id not in holds:
            raise NotFound("item in your cart")
        entries = await self._index.entries(user_id)
        open_checkout = await self._index.open_checkout(user_id)
        operation_id = new_id("req")

        async def give_back(epoch: int) -> HoldAnswer:
            return await self._stock.give_back_hold(
                deal_id, user_id, epoch=epoch, operation_id=operation_id
            )

        answer = await self._gatekeeper.at_gate(deal_id, give_back)
        if answer.changed:
            await self._tell(user_id, open_checkout, answer.counters)
        await self._index.forget(user_id, {deal_id: entries[deal_id]} if deal_id in entries else {})
        return await self.read(user_id)

    async def read(self, user_id: str) -> CartView:
        """What the buyer holds now. Lapsed holds are not shown.

        Raises:
            redis.RedisError: Redis is out of reach.
        """
        deal_ids = await self._index.deals(user_id)
        holds = await self._stock.read_holds(user_id, deal_ids) if deal_ids else {}
        return CartView(user_id, [line_of(holds[id_]) for id_ in deal_ids if id_ in holds])

    async def _known_deal(self, deal_id: str) -> None:
        if not is_id("deal", deal_id) or await self._dealbook.get(deal_id) is None:
            raise NotFound("deal")

    async def _note(
        self, user_id: str, deal_id: str, *, key: str | None = None, fingerprint: str = ""
    ) -> Noted:
        """Write the deal into the cart before the hold, so that no hold is invisible."""
        try:
            return await self._index.note(
                user_id, deal_id, key=key, fingerprint=fingerprint, keep_for=KEY_LIFE
            )
        except KeyReused:
            raise IdempotencyKeyReused from None
        except CartFull as full:
            if await self._make_room(user_id):
                return await self._note(user_id, deal_id, key=key, fingerprint=fingerprint)
            raise InvalidInput("dealId", f"A cart has at most {full.most} deals.") from None

    async def _make_room(self, user_id: str) -> bool:
        """Forget the deals of a cart whose holds have lapsed; whether there were any."""
        entries = await self._index.entries(user_id)
        holds = await self._stock.read_holds(user_id, list(entries))
        lapsed = {deal_id: entry for deal_id, entry in entries.items() if deal_id not in holds}
        await self._index.forget(user_id, lapsed)
        return bool(lapsed)

    async def _change(
        self,
        user_id: str,
        deal_id: str,
        quantity: int,
        mode: Literal["add", "set"],
        noted: Noted,
        *,
        key: str | None = None,
    ) -> CartView:
        """Make the hold at the gate, or change it."""
        # The client library repeats a script after a lost reply: the id makes the repeat harmless.
        operation_id = new_id("req") if key is None else hashlib.sha256(key.encode()).hexdigest()

        async def set_hold(epoch: int) -> HoldAnswer:
            return await self._stock.set_hold(
                deal_id,
                user_id,
                quantity,
                mode=mode,
                epoch=epoch,
                operation_id=operation_id,
                hold_for=self._hold_for,
            )

        try:
            answer = await self._gatekeeper.at_gate(deal_id, set_hold)
        except (GateSoldOut, GateLimitReached, GateNotLive, NotFound) as refusal:
            await self._take_note_back(user_id, deal_id, key)
            raise await self._refusal(deal_id, refusal) from None
        if key is None:
            await self._note(user_id, deal_id)  # another tab may have taken it out meanwhile
        if answer.changed:
            await self._tell(user_id, noted.open_checkout, answer.counters)
        return await self.read(user_id)

    async def _tell(self, user_id: str, open_checkout: str | None, counters: Counters) -> None:
        """Tell everybody whom a changed hold concerns; the checkout made from it is over."""
        await self._supersession.cart_changed(user_id, open_checkout)
        await self._gatekeeper.announce(counters)
        await self._announcer.cart(user_id)

    async def _take_note_back(self, user_id: str, deal_id: str, key: str | None) -> None:
        """A refusal leaves nothing behind; what Redis does not hear of now lapses with the cart."""
        try:
            if key is None:
                await self._index.drop_note(user_id, deal_id)
            else:
                await self._index.drop_key(user_id, key)
        except (RedisError, OSError) as error:
            log.warning("note_left_behind", user_id=user_id, deal_id=deal_id, error=repr(error))

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


def line_of(hold: Hold) -> CartLine:
    """The cart's line for a hold."""
    return CartLine(hold.deal_id, hold.units, hold.state, from_ms(hold.deadline_ms))


def check_key(key: str) -> None:
    """Refuse an idempotency key that is empty, long, or not printable ASCII.

    Raises:
        InvalidInput: saying what would be right.
    """
    if not (0 < len(key) <= MOST_KEY_CHARACTERS and key.isascii() and key.isprintable()):
        raise InvalidInput(
            "idempotencyKey", f"1 to {MOST_KEY_CHARACTERS} printable ASCII characters, please."
        )
