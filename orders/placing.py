"""placeOrder: the claim at the gate first, then the order in Postgres, then the payment intent."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import structlog
from redis.exceptions import RedisError

from inventory.carts import CartIndex
from kit.clock import Clock
from kit.ids import is_id
from kit.money import Money
from kit.settings import Settings
from kit.together import Together
from notifications.announcements import Announcer
from orders.abandonment import Abandonment
from orders.archive import OrderView
from orders.cart import check_key
from orders.checkout import CheckoutView, checkout_of
from orders.claiming import Claiming
from orders.dealbook import DealBook
from orders.drafts import (
    Abandoned,
    Draft,
    DraftLine,
    GateMoved,
    KeyTaken,
    OffSale,
    OverLimit,
    Placed,
    Refused,
)
from orders.errors import (
    HoldLapsed,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    PriceChanged,
    PurchaseLimitReached,
    SoldOut,
    TryLater,
)
from orders.liveness import not_live
from orders.opening import Opening
from orders.outage import Outage
from orders.statements import sql
from orders.writer import OrderWriter

log = structlog.get_logger()

# Each attempt follows a rebuild of a gate; three rebuilds within one request are a storm.
MOST_ATTEMPTS = 3
# Looked up in one query; as many as the writer takes at a time.
MOST_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order that is durable, and what it is now where that is known without reading it."""

    order_id: str
    view: OrderView | None


class Placing:
    """Turns a checkout into an order, once, whatever is lost or repeated on the way."""

    def __init__(
        self,
        *,
        index: CartIndex,
        claiming: Claiming,
        outage: Outage,
        writer: OrderWriter,
        abandonment: Abandonment,
        opening: Opening,
        dealbook: DealBook,
        pool: asyncpg.Pool,
        announcer: Announcer,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._index = index
        self._claiming = claiming
        self._outage = outage
        self._writer = writer
        self._abandonment = abandonment
        self._opening = opening
        self._dealbook = dealbook
        self._pool = pool
        self._found: Together[tuple[str, str, str], asyncpg.Record] = Together(
            self._find, most=MOST_AT_ONCE
        )
        self._announcer = announcer
        self._clock = clock
        self._pay_within = timedelta(seconds=settings.payment_seconds)

    async def place(
        self, user_id: str, *, checkout_id: str, key: str, expected_total: Money
    ) -> str:
        """The id of the order of this checkout; see `order`."""
        placed = await self.order(
            user_id, checkout_id=checkout_id, key=key, expected_total=expected_total
        )
        return placed.order_id

    async def order(
        self, user_id: str, *, checkout_id: str, key: str, expected_total: Money
    ) -> PlacedOrder:
        """The order of this checkout, durable when this returns.

        May be repeated, with the same key or another: a checkout has one order.

        Raises:
            InvalidInput, NotFound, IdempotencyKeyReused, PriceChanged: nothing was written.
            HoldLapsed, DealNotLive, SoldOut, PurchaseLimitReached: there is no order; holds of
                this checkout that had been claimed already were given back.
            TryLater: the outcome is unknown; repeat with the same key.
        """
        check_key(key)
        if not is_id("chk", checkout_id):
            raise NotFound("checkout")
        request_hash = _hash(checkout_id, expected_total)
        with self._writer.expecting():
            # The cart is read before the claim: what another tab notes from here on stays in it.
            found, cart = await asyncio.gather(
                self._found.ask((user_id, key, checkout_id)),
                self._cart(user_id),
            )
            known = _known(found, request_hash, expected_total)
            if known is not None:
                return PlacedOrder(known, None)
            if found["id"] is None:
                raise NotFound("checkout")
            checkout = checkout_of(found)
            self._check(checkout, expected_total)
            draft, placed = await self._claim_and_write(checkout, key, request_hash)
        if not placed.fresh:
            return PlacedOrder(placed.order_id, None)
        _, view = await asyncio.gather(
            self._leave_cart(checkout, cart), self._opening.attempt(draft)
        )
        self._announcer.cart(user_id)
        self._announcer.order(user_id, draft.order_id)
        return PlacedOrder(draft.order_id, view)

    async def _find(self, asked: list[tuple[str, str, str]]) -> list[asyncpg.Record]:
        """What there is of the keys and checkouts of many buyers."""
        users, keys, checkouts = zip(*asked, strict=True)
        rows: list[asyncpg.Record] = await self._pool.fetch(
            sql("order_to_place"), users, keys, checkouts
        )
        return rows

    def _check(self, checkout: CheckoutView, expected_total: Money) -> None:
        _check_total(checkout.total, expected_total)
        if checkout.superseded or checkout.expires_at <= self._clock.now():
            raise HoldLapsed(checkout.lines[0].deal_id)

    async def _claim_and_write(
        self, checkout: CheckoutView, key: str, request_hash: bytes
    ) -> tuple[Draft, Placed]:
        """Protocol rules 1 and 3: claim, then write on condition of the claim's epoch."""
        for _ in range(MOST_ATTEMPTS):
            draft = self._draft(checkout, await self._claiming.claim(checkout), key, request_hash)
            outcome = await self._writer.submit(draft)
            match outcome:
                case Placed():
                    self._forget_epochs(draft)
                    return draft, outcome
                case GateMoved(deal_id=deal_id):
                    self._dealbook.drop(deal_id)
                    continue
                case Refused(deal_id=deal_id, unclaimed=unclaimed):
                    await self._abandonment.give_up(checkout)
                    raise SoldOut(deal_id, available=unclaimed)
                case OverLimit(deal_id=deal_id, limit=limit, already=already):
                    await self._abandonment.give_up(checkout)
                    raise PurchaseLimitReached(deal_id, limit=limit, already_yours=already)
                case OffSale(deal_id=deal_id):
                    raise await not_live(self._dealbook, deal_id, now=self._clock.now())
                case Abandoned():
                    raise HoldLapsed(checkout.lines[0].deal_id)
                case KeyTaken():
                    await self._abandonment.give_up(checkout)
                    raise IdempotencyKeyReused
        raise TryLater(retry_after_ms=500, reason="the stock of this deal is being counted")

    def _draft(
        self, checkout: CheckoutView, lines: list[DraftLine], key: str, request_hash: bytes
    ) -> Draft:
        now = self._clock.now()
        return Draft(
            user_id=checkout.user_id,
            checkout_id=checkout.id,
            lines=tuple(lines),
            total=checkout.total,
            placed_at=now,
            payment_due_at=now + self._pay_within,
            key=key,
            request_hash=request_hash,
        )

    def _forget_epochs(self, draft: Draft) -> None:
        """An order past the gate has raised the epoch of its deals."""
        for line in draft.lines:
            if line.epoch is None:
                self._dealbook.drop(line.deal_id)

    async def _cart(self, user_id: str) -> dict[str, str]:
        """The entries of the cart; none while Redis does not tell them."""
        if self._outage.under_way:
            return {}
        try:
            return await self._index.entries(user_id)
        except (RedisError, OSError) as error:
            log.warning("cart_not_read", user_id=user_id, error=repr(error))
            return {}

    async def _leave_cart(self, checkout: CheckoutView, cart: dict[str, str]) -> None:
        """Ordered items leave the cart; what Redis does not hear of now it forgets by itself.

        One that was noted again since `cart` was read stays: another tab may hold it by now.
        """
        if self._outage.under_way:
            return
        ordered = {
            line.deal_id: cart[line.deal_id] for line in checkout.lines if line.deal_id in cart
        }
        try:
            await asyncio.gather(
                self._index.forget(checkout.user_id, ordered),
                self._index.clear_checkout(checkout.user_id, checkout.id),
            )
        except (RedisError, OSError) as error:
            log.warning("cart_not_cleared", user_id=checkout.user_id, error=repr(error))


def _known(found: asyncpg.Record, request_hash: bytes, expected_total: Money) -> str | None:
    """The order that this key or this checkout led to before."""
    if found["request_hash"] is not None:
        if found["request_hash"] != request_hash:
            raise IdempotencyKeyReused
        return str(found["key_order_id"])
    if found["order_id"] is None:
        return None
    _check_total(Money(found["order_total_minor"], found["order_currency"]), expected_total)
    return str(found["order_id"])


def _check_total(total: Money, expected: Money) -> None:
    """Refuse to charge what the buyer does not expect."""
    if expected.currency != total.currency:
        raise InvalidInput("expectedTotal", f"Prices here are in {total.currency}.")
    if expected != total:
        raise PriceChanged(total)


def _hash(checkout_id: str, total: Money) -> bytes:
    request = f"{checkout_id}|{total.amount_minor}|{total.currency}"
    return hashlib.sha256(request.encode()).digest()
