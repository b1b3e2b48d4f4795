"""The cart: what a buyer holds, changed at the gate and nowhere else."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex

from admission.errors import RateLimited
from admission.limiter import Limiter, Subject
from inventory.carts import CartIndex
from inventory.stock import Hold, HoldAnswer, HoldState, Stock
from kit.clock import Clock, from_ms
from kit.ids import is_id, new_id
from kit.settings import Settings
from models.records import Deal
from orders.adding import Adding
from orders.at_once import Addition, Mode
from orders.dealbook import DealBook
from orders.errors import InvalidInput, NotFound, Refusal, SoldOut
from orders.gatekeeper import Gatekeeper
from orders.liveness import not_live_by
from orders.phases import phase_of
from orders.sold_out import SoldOutBoard

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
        adding: Adding,
        limiter: Limiter,
        sold_out: SoldOutBoard,
        gatekeeper: Gatekeeper,
        dealbook: DealBook,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._stock = stock
        self._index = index
        self._adding = adding
        self._limiter = limiter
        self._sold_out = sold_out
        self._gatekeeper = gatekeeper
        self._dealbook = dealbook
        self._clock = clock
        self._hold_for = timedelta(seconds=settings.hold_seconds)

    async def add(
        self,
        user_id: str,
        *,
        deal_id: str,
        quantity: int,
        key: str | None,
        address: str | None = None,
    ) -> CartView:
        """Hold `quantity` more units of a deal. With a key it may be repeated: one effect.

        An attempt of the buyer and of the address is counted, where there is one. A refusal leaves
        nothing behind, so the same key may try again.

        Raises:
            RateLimited, InvalidInput, NotFound, IdempotencyKeyReused, SoldOut,
            PurchaseLimitReached, DealNotLive: nothing was written.
            TryLater, redis.RedisError: the outcome is unknown; repeat with the same key.
        """
        subjects = self._subjects(user_id, address)
        try:
            if quantity < 1:
                raise InvalidInput("quantity", "The quantity must be at least 1.")
            if key is not None:
                check_key(key)
            deal = await self._known_deal(deal_id)
        except Refusal:
            await self._limiter.admit_all(subjects)
            raise
        may_ever = quantity <= deal.purchase_limit  # else that is what the gate says first
        if may_ever and key is None and self._sold_out.is_sold_out(deal_id, epoch=deal.epoch):
            if self._sold_out.takes_turn(deal_id):
                await self._gatekeeper.look(deal_id)
            if self._sold_out.is_sold_out(deal_id, epoch=deal.epoch):
                raise self._refused_from_memory(deal, subjects)
        return await self._put(user_id, deal_id, quantity, "add", key, subjects)

    def refuses_at_once(self, user_id: str, deal_id: str) -> bool:
        """Whether one more attempt without a key is refused as sold out, from memory alone.

        Then it is counted, here alone. Whoever asks knows that the deal sells now.
        """
        if not self._sold_out.refuses(deal_id):
            return False
        try:
            self._limiter.admit_here(self._limiter.subjects("cart", buyer=user_id, address=None))
        except RateLimited:
            return False
        return True

    async def change(
        self, user_id: str, *, deal_id: str, quantity: int, address: str | None = None
    ) -> CartView:
        """Make the buyer's hold on a deal `quantity` units; 0 removes it. May be repeated.

        Attempts are counted as by `add`.

        Raises:
            RateLimited, InvalidInput, NotFound, SoldOut, PurchaseLimitReached, DealNotLive: nothing
            was written.
            TryLater, redis.RedisError: the outcome is unknown; repeat.
        """
        subjects = self._subjects(user_id, address)
        if quantity == 0:
            return await self.remove(user_id, deal_id=deal_id, address=address)
        try:
            if quantity < 0:
                raise InvalidInput("quantity", "The quantity must be at least 0.")
            await self._known_deal(deal_id)
        except Refusal:
            await self._limiter.admit_all(subjects)
            raise
        return await self._put(user_id, deal_id, quantity, "set", None, subjects)

    async def remove(self, user_id: str, *, deal_id: str, address: str | None = None) -> CartView:
        """Give a hold back. May be repeated: the second time there is nothing to remove.

        Attempts are counted as by `add`.

        Raises:
            RateLimited: nothing was written.
            NotFound: the deal is not in the cart.
            TryLater, redis.RedisError: the outcome is unknown; repeat.
        """
        await self._limiter.admit_all(self._subjects(user_id, address))
        await self._known_deal(deal_id)
        holds, entries, open_checkout = await asyncio.gather(
            self._stock.read_holds(user_id, [deal_id]),
            self._index.entries(user_id),
            self._index.open_checkout(user_id),
        )
        if deal_id not in holds:
            raise NotFound("item in your cart")
        operation_id = new_id("req")

        async def give_back(epoch: int) -> HoldAnswer:
            return await self._stock.give_back_hold(
                deal_id, user_id, epoch=epoch, operation_id=operation_id
            )

        answer = await self._gatekeeper.at_gate(deal_id, give_back)
        if answer.changed:
            await self._adding.tell(user_id, open_checkout, answer.counters)
        await self._index.forget(user_id, {deal_id: entries[deal_id]} if deal_id in entries else {})
        return await self.read(user_id)

    async def read(self, user_id: str) -> CartView:
        """What the buyer holds now. Lapsed holds are not shown.

        Raises:
            redis.RedisError: Redis is out of reach.
        """
        return await self._view(user_id, await self._index.deals(user_id), None)

    def _subjects(self, user_id: str, address: str | None) -> Sequence[Subject]:
        if address is None:
            return ()
        return self._limiter.subjects("cart", buyer=user_id, address=address)

    async def _known_deal(self, deal_id: str) -> Deal:
        deal = await self._dealbook.get(deal_id) if is_id("deal", deal_id) else None
        if deal is None:
            raise NotFound("deal")
        return deal

    async def _put(
        self,
        user_id: str,
        deal_id: str,
        units: int,
        mode: Mode,
        key: str | None,
        subjects: Sequence[Subject],
    ) -> CartView:
        # The client library repeats a script after a lost reply: the id makes the repeat harmless.
        operation_id = token_hex(12) if key is None else hashlib.sha256(key.encode()).hexdigest()
        after = await self._adding.put(
            Addition(deal_id, user_id, units, mode, operation_id, key, KEY_LIFE, self._hold_for),
            subjects,
        )
        return await self._view(user_id, after.deal_ids, after.hold)

    def _refused_from_memory(self, deal: Deal, subjects: Sequence[Subject]) -> Refusal:
        """Why a deal takes no holds that had none a moment ago; the buyer is counted here alone.

        Raises:
            RateLimited: when to try again.
        """
        self._limiter.admit_here(subjects[:1])
        now = self._clock.now()
        if phase_of(deal, now) != "LIVE":
            return not_live_by(deal, now)
        return SoldOut(deal.id, available=0)

    async def _view(self, user_id: str, deal_ids: Sequence[str], known: Hold | None) -> CartView:
        """The cart with these deals, of which one may be known already."""
        holds = {} if known is None else {known.deal_id: known}
        asked = [deal_id for deal_id in deal_ids if deal_id not in holds]
        if asked:
            holds |= await self._stock.read_holds(user_id, asked)
        return CartView(user_id, [line_of(holds[id_]) for id_ in deal_ids if id_ in holds])


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
