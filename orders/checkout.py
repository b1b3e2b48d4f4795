"""A checkout freezes the holds of a cart once, and fixes their prices."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import orjson
import structlog

from inventory.carts import CartIndex
from inventory.errors import DealNotLive as GateNotLive
from inventory.errors import HoldLapsed as GateHoldLapsed
from inventory.stock import Hold, HoldAnswer, Stock
from kit.clock import Clock, from_ms
from kit.ids import new_id
from kit.money import Money
from kit.settings import Settings
from models.records import Deal
from notifications.announcements import Announcer
from orders.cart import CartLine, line_of
from orders.errors import CartEmpty, DealNotLive, HoldLapsed, TryLater
from orders.gatekeeper import Gatekeeper
from orders.phases import phase_of
from orders.supersession import Supersession

log = structlog.get_logger()

# A checkout that another tab supersedes while this one begins makes this one begin again.
MOST_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class CheckoutLine:
    """One deal of a checkout at the price that will be charged."""

    deal_id: str
    title: str
    quantity: int
    unit_price_minor: int


@dataclass(frozen=True, slots=True)
class CheckoutView:
    """What a buyer is about to agree to, until `expires_at`."""

    id: str
    user_id: str
    lines: list[CheckoutLine]
    total: Money
    expires_at: datetime
    superseded: bool
    holds: dict[str, CartLine]


class Checkouts:
    """Begins checkouts and reads them back."""

    def __init__(
        self,
        *,
        stock: Stock,
        index: CartIndex,
        gatekeeper: Gatekeeper,
        supersession: Supersession,
        pool: asyncpg.Pool,
        announcer: Announcer,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._stock = stock
        self._index = index
        self._gatekeeper = gatekeeper
        self._supersession = supersession
        self._pool = pool
        self._announcer = announcer
        self._clock = clock
        self._cap = timedelta(seconds=settings.checkout_seconds)

    async def begin(self, user_id: str) -> CheckoutView:
        """Freeze what the cart holds. Repeated with the same cart it is the same checkout.

        Raises:
            CartEmpty: nothing is in the cart.
            HoldLapsed: a deal of the cart is not held any more; it has left the cart now.
            DealNotLive: a deal is paused or has ended.
            TryLater, redis.RedisError: the outcome is unknown; repeat.
        """
        for _ in range(MOST_ATTEMPTS):
            holds = await self._holds(user_id)
            checkout_id = await self._index.propose_checkout(user_id, new_id("chk"))
            known = await self.find(user_id, checkout_id)
            if known is None:
                await self._freeze_and_record(user_id, checkout_id, holds)
            elif (
                known.superseded
                or known.expires_at <= self._clock.now()
                or await self._placed(user_id, checkout_id)
            ):
                await self._index.clear_checkout(user_id, checkout_id)
                continue
            view = await self.find(user_id, checkout_id)
            frozen = await self._stock.read_holds(user_id, list(holds))
            if view is not None and _agrees(view, frozen):
                return _with_holds(view, frozen)
            await self._supersession.cart_changed(user_id, checkout_id)
        raise TryLater(retry_after_ms=200, reason="your cart is being changed elsewhere")

    async def find(self, user_id: str, checkout_id: str) -> CheckoutView | None:
        """A buyer's checkout as it was agreed, also when it is over. Reads Postgres only."""
        row = await self._pool.fetchrow(
            "SELECT * FROM checkouts WHERE user_id = $1 AND id = $2", user_id, checkout_id
        )
        if row is None:
            return None
        return CheckoutView(
            id=row["id"],
            user_id=user_id,
            lines=[CheckoutLine(**line) for line in orjson.loads(row["lines"])],
            total=Money(row["total_minor"], row["currency"]),
            expires_at=row["expires_at"],
            superseded=row["superseded_at"] is not None,
            holds={},
        )

    async def _holds(self, user_id: str) -> dict[str, Hold]:
        """The holds of the cart; those that lapsed leave the cart and are told once."""
        entries = await self._index.entries(user_id)
        if not entries:
            raise CartEmpty
        holds = await self._stock.read_holds(user_id, list(entries))
        lapsed = {deal_id: entry for deal_id, entry in entries.items() if deal_id not in holds}
        if lapsed:
            await self._index.forget(user_id, lapsed)
            raise HoldLapsed(next(iter(lapsed)))
        return holds

    async def _freeze_and_record(
        self, user_id: str, checkout_id: str, holds: dict[str, Hold]
    ) -> None:
        """Freeze each hold, then fix prices; prices come from Postgres, read now."""
        deals = {deal.id: deal for deal in await Deal.filter(id__in=list(holds))}
        now = self._clock.now()
        for deal_id in holds:
            if phase_of(deals[deal_id], now) != "LIVE":
                raise self._not_live(deals[deal_id])
        frozen: dict[str, Hold] = {}
        for deal_id in sorted(holds):
            frozen[deal_id] = await self._freeze(user_id, deals[deal_id], checkout_id)
        lines = [
            {
                "deal_id": deal_id,
                "title": deals[deal_id].title,
                "quantity": frozen[deal_id].units,
                "unit_price_minor": deals[deal_id].price_minor,
            }
            for deal_id in holds
        ]
        await self._pool.execute(
            "INSERT INTO checkouts (user_id, id, lines, total_minor, currency, expires_at)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            user_id,
            checkout_id,
            orjson.dumps(lines).decode(),
            sum(hold.units * deals[deal_id].price_minor for deal_id, hold in frozen.items()),
            next(iter(deals.values())).currency,
            from_ms(min(hold.deadline_ms for hold in frozen.values())),
        )
        await self._announcer.cart(user_id)

    async def _freeze(self, user_id: str, deal: Deal, checkout_id: str) -> Hold:
        async def freeze(epoch: int) -> HoldAnswer:
            return await self._stock.freeze_hold(
                deal.id, user_id, epoch=epoch, checkout_id=checkout_id, cap=self._cap
            )

        try:
            answer = await self._gatekeeper.at_gate(deal.id, freeze)
        except GateHoldLapsed:
            await self._index.clear_checkout(user_id, checkout_id)
            raise HoldLapsed(deal.id) from None
        except GateNotLive:
            await self._index.clear_checkout(user_id, checkout_id)
            raise self._not_live(deal) from None
        assert answer.hold is not None
        return answer.hold

    async def _placed(self, user_id: str, checkout_id: str) -> bool:
        return bool(
            await self._pool.fetchval(
                "SELECT EXISTS (SELECT FROM orders WHERE user_id = $1 AND checkout_id = $2)",
                user_id,
                checkout_id,
            )
        )

    def _not_live(self, deal: Deal) -> DealNotLive:
        return DealNotLive(
            deal.id,
            phase=phase_of(deal, self._clock.now()),
            starts_at=deal.starts_at,
            ends_at=deal.ends_at,
        )


def _agrees(view: CheckoutView, holds: dict[str, Hold]) -> bool:
    """Whether the holds are exactly what the checkout fixed, and frozen for it."""
    return {line.deal_id: line.quantity for line in view.lines} == {
        hold.deal_id: hold.units for hold in holds.values() if hold.checkout_id == view.id
    } and len(view.lines) == len(holds)


def _with_holds(view: CheckoutView, holds: dict[str, Hold]) -> CheckoutView:
    return CheckoutView(
        id=view.id,
        user_id=view.user_id,
        lines=view.lines,
        total=view.total,
        expires_at=view.expires_at,
        superseded=view.superseded,
        holds={deal_id: line_of(hold) for deal_id, hold in holds.items()},
    )
