"""placeOrder: the claim at the gate first, then the order in Postgres, then the payment intent."""

import asyncio
import hashlib
from datetime import timedelta

import asyncpg
import structlog
from redis.exceptions import RedisError

from inventory.carts import CartIndex
from inventory.stock import Stock
from kit.clock import Clock
from kit.ids import is_id
from kit.money import Money
from kit.settings import Settings
from notifications.announcements import Announcer
from orders.abandonment import Abandonment
from orders.cart import check_key
from orders.checkout import Checkouts, CheckoutView
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
from orders.intents import Intents
from orders.liveness import not_live
from orders.outage import Outage
from orders.writer import OrderWriter

log = structlog.get_logger()

# The buyer waits this long for the provider; then the intent is OPENING and a job takes over.
INTENT_PATIENCE_SECONDS = 2.0
# Each attempt follows a rebuild of a gate; three rebuilds within one request are a storm.
MOST_ATTEMPTS = 3


class Placing:
    """Turns a checkout into an order, once, whatever is lost or repeated on the way."""

    def __init__(
        self,
        *,
        checkouts: Checkouts,
        stock: Stock,
        index: CartIndex,
        claiming: Claiming,
        outage: Outage,
        writer: OrderWriter,
        abandonment: Abandonment,
        intents: Intents,
        dealbook: DealBook,
        pool: asyncpg.Pool,
        announcer: Announcer,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._checkouts = checkouts
        self._stock = stock
        self._index = index
        self._claiming = claiming
        self._outage = outage
        self._writer = writer
        self._abandonment = abandonment
        self._intents = intents
        self._dealbook = dealbook
        self._pool = pool
        self._announcer = announcer
        self._clock = clock
        self._pay_within = timedelta(seconds=settings.payment_seconds)

    async def place(
        self, user_id: str, *, checkout_id: str, key: str, expected_total: Money
    ) -> str:
        """The id of the order of this checkout, durable when this returns.

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
        known = await self._known(user_id, checkout_id, key, request_hash, expected_total)
        if known is not None:
            return known
        checkout = await self._checkouts.find(user_id, checkout_id)
        if checkout is None:
            raise NotFound("checkout")
        self._check(checkout, expected_total)
        placed = await self._claim_and_write(checkout, key, request_hash)
        if placed.fresh:
            await self._leave_cart(checkout)
            await self._open_intent(user_id, placed.order_id)
        return placed.order_id

    async def _known(
        self,
        user_id: str,
        checkout_id: str,
        key: str,
        request_hash: bytes,
        expected_total: Money,
    ) -> str | None:
        """The order that this key or this checkout led to before."""
        row = await self._pool.fetchrow(
            "SELECT request_hash, order_id FROM idempotency_keys WHERE user_id = $1 AND key = $2",
            user_id,
            key,
        )
        if row is not None:
            if row["request_hash"] != request_hash:
                raise IdempotencyKeyReused
            return str(row["order_id"])
        order = await self._pool.fetchrow(
            "SELECT id, total_minor, currency FROM orders WHERE user_id = $1 AND checkout_id = $2"
            " AND status <> 'ABANDONED'",
            user_id,
            checkout_id,
        )
        if order is None:
            return None
        _check_total(Money(order["total_minor"], order["currency"]), expected_total)
        return str(order["id"])

    def _check(self, checkout: CheckoutView, expected_total: Money) -> None:
        _check_total(checkout.total, expected_total)
        if checkout.superseded or checkout.expires_at <= self._clock.now():
            raise HoldLapsed(checkout.lines[0].deal_id)

    async def _claim_and_write(
        self, checkout: CheckoutView, key: str, request_hash: bytes
    ) -> Placed:
        """Protocol rules 1 and 3: claim, then write on condition of the claim's epoch."""
        for _ in range(MOST_ATTEMPTS):
            draft = self._draft(checkout, await self._claiming.claim(checkout), key, request_hash)
            outcome = await self._writer.submit(draft)
            match outcome:
                case Placed():
                    self._forget_epochs(draft)
                    return outcome
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

    async def _leave_cart(self, checkout: CheckoutView) -> None:
        """Ordered items leave the cart; what Redis does not hear of now it forgets by itself."""
        if self._outage.under_way:
            return
        try:
            entries = await self._index.entries(checkout.user_id)
            ordered = [line.deal_id for line in checkout.lines if line.deal_id in entries]
            # Another tab may hold the same deal again by now.
            held = await self._stock.read_holds(checkout.user_id, ordered)
            gone = {id_: entries[id_] for id_ in ordered if id_ not in held}
            await self._index.forget(checkout.user_id, gone)
            await self._index.clear_checkout(checkout.user_id, checkout.id)
        except (RedisError, OSError) as error:
            log.warning("cart_not_cleared", user_id=checkout.user_id, error=repr(error))
        await self._announcer.cart(checkout.user_id)

    async def _open_intent(self, user_id: str, order_id: str) -> None:
        """Try to open the payment intent while the buyer waits; holds no database connection."""
        opening = asyncio.create_task(
            self._intents.open_quietly(user_id, order_id), name=f"open intent {order_id}"
        )
        await asyncio.wait({opening}, timeout=INTENT_PATIENCE_SECONDS)
        await self._announcer.order(user_id, order_id)


def _check_total(total: Money, expected: Money) -> None:
    """Refuse to charge what the buyer does not expect."""
    if expected.currency != total.currency:
        raise InvalidInput("expectedTotal", f"Prices here are in {total.currency}.")
    if expected != total:
        raise PriceChanged(total)


def _hash(checkout_id: str, total: Money) -> bytes:
    request = f"{checkout_id}|{total.amount_minor}|{total.currency}"
    return hashlib.sha256(request.encode()).digest()
