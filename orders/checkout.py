"""A checkout freezes the holds of a cart once, and fixes their prices."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Self

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
from notifications.announcements import Announcer
from orders.cart import CartLine, line_of
from orders.errors import CartEmpty, DealNotLive, HoldLapsed, TryLater
from orders.gatekeeper import Gatekeeper
from orders.phases import phase_of
from orders.statements import sql
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
            entries = await self._index.entries(user_id)
            if not entries:
                raise CartEmpty
            holds, checkout_id = await asyncio.gather(
                self._holds(user_id, entries),
                self._index.propose_checkout(user_id, new_id("chk")),
            )
            rows = await self._pool.fetch(sql("begin_checkout"), user_id, checkout_id, list(holds))
            known = next((checkout_of(row) for row in rows if row["id"] is not None), None)
            if known is None:
                known = await self._freeze_and_record(user_id, checkout_id, holds, rows)
            elif known.superseded or known.expires_at <= self._clock.now() or rows[0]["placed"]:
                await self._index.clear_checkout(user_id, checkout_id)
                continue
            frozen = await self._stock.read_holds(user_id, list(holds))
            if _agrees(known, frozen):
                return replace(
                    known, holds={deal_id: line_of(hold) for deal_id, hold in frozen.items()}
                )
            await self._supersession.cart_changed(user_id, checkout_id)
        raise TryLater(retry_after_ms=200, reason="your cart is being changed elsewhere")

    async def find(self, user_id: str, checkout_id: str) -> CheckoutView | None:
        """A buyer's checkout as it was agreed, also when it is over. Reads Postgres only."""
        row = await self._pool.fetchrow(
            "SELECT * FROM checkouts WHERE user_id = $1 AND id = $2", user_id, checkout_id
        )
        return None if row is None else checkout_of(row)

    async def _holds(self, user_id: str, entries: Mapping[str, str]) -> dict[str, Hold]:
        """The holds of the cart; those that lapsed leave the cart and are told once."""
        holds = await self._stock.read_holds(user_id, list(entries))
        lapsed = {deal_id: entry for deal_id, entry in entries.items() if deal_id not in holds}
        if lapsed:
            await self._index.forget(user_id, lapsed)
            raise HoldLapsed(next(iter(lapsed)))
        return holds

    async def _freeze_and_record(
        self,
        user_id: str,
        checkout_id: str,
        holds: Mapping[str, Hold],
        rows: Sequence[asyncpg.Record],
    ) -> CheckoutView:
        """Freeze each hold, then fix prices; prices come from Postgres, as they were just read."""
        deals = {row["deal_id"]: _Terms.of(row) for row in rows}
        now = self._clock.now()
        for deal_id in holds:
            if phase_of(deals[deal_id], now) != "LIVE":
                raise self._not_live(deals[deal_id])
        answers = await asyncio.gather(
            *(self._freeze(user_id, deals[deal_id], checkout_id) for deal_id in holds),
            return_exceptions=True,
        )
        frozen: list[Hold] = []
        for answer in answers:
            if isinstance(answer, BaseException):
                if isinstance(answer, (HoldLapsed, DealNotLive)):
                    await self._index.clear_checkout(user_id, checkout_id)
                raise answer
            frozen.append(answer)
        view = CheckoutView(
            id=checkout_id,
            user_id=user_id,
            lines=[
                CheckoutLine(
                    hold.deal_id,
                    deals[hold.deal_id].title,
                    hold.units,
                    deals[hold.deal_id].price_minor,
                )
                for hold in frozen
            ],
            total=Money(
                sum(hold.units * deals[hold.deal_id].price_minor for hold in frozen),
                deals[frozen[0].deal_id].currency,
            ),
            expires_at=from_ms(min(hold.deadline_ms for hold in frozen)),
            superseded=False,
            holds={},
        )
        return await self._record(view)

    async def _record(self, view: CheckoutView) -> CheckoutView:
        """Write a checkout down; the one that another tab has begun meanwhile, if there is one."""
        written = await self._pool.fetchval(
            "INSERT INTO checkouts (user_id, id, lines, total_minor, currency, expires_at)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING true",
            view.user_id,
            view.id,
            orjson.dumps([asdict(line) for line in view.lines]).decode(),
            view.total.amount_minor,
            view.total.currency,
            view.expires_at,
        )
        self._announcer.cart(view.user_id)
        if written:
            return view
        found = await self.find(view.user_id, view.id)
        assert found is not None, "a checkout that was written stays"
        return found

    async def _freeze(self, user_id: str, deal: "_Terms", checkout_id: str) -> Hold:
        async def freeze(epoch: int) -> HoldAnswer:
            return await self._stock.freeze_hold(
                deal.id, user_id, epoch=epoch, checkout_id=checkout_id, cap=self._cap
            )

        try:
            answer = await self._gatekeeper.at_gate(deal.id, freeze)
        except GateHoldLapsed:
            raise HoldLapsed(deal.id) from None
        except GateNotLive:
            raise self._not_live(deal) from None
        assert answer.hold is not None
        return answer.hold

    def _not_live(self, deal: "_Terms") -> DealNotLive:
        return DealNotLive(
            deal.id,
            phase=phase_of(deal, self._clock.now()),
            starts_at=deal.starts_at,
            ends_at=deal.ends_at,
        )


@dataclass(slots=True)
class _Terms:
    """A deal's terms as they were just read: what is remembered may be a second old."""

    id: str
    title: str
    price_minor: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    paused_at: datetime | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """The deal of a row of begin_checkout.sql."""
        return cls(
            id=row["deal_id"],
            title=row["title"],
            price_minor=row["price_minor"],
            currency=row["deal_currency"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            paused_at=row["paused_at"],
        )


def checkout_of(row: asyncpg.Record) -> CheckoutView:
    """A checkout as its row has it."""
    return CheckoutView(
        id=row["id"],
        user_id=row["user_id"],
        lines=[CheckoutLine(**line) for line in orjson.loads(row["lines"])],
        total=Money(row["total_minor"], row["currency"]),
        expires_at=row["expires_at"],
        superseded=row["superseded_at"] is not None,
        holds={},
    )


def _agrees(view: CheckoutView, holds: Mapping[str, Hold]) -> bool:
    """Whether the holds are exactly what the checkout fixed, and frozen for it."""
    return {line.deal_id: line.quantity for line in view.lines} == {
        hold.deal_id: hold.units for hold in holds.values() if hold.checkout_id == view.id
    } and len(view.lines) == len(holds)
