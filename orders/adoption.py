"""Money whose order Postgres does not know, as after a restored backup: an order is made for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
import structlog

from kit.clock import Clock
from kit.ids import is_id, sibling
from kit.money import Money
from orders import jobs
from orders.decision import OrderStatus
from orders.drafts import FREED, number_of
from orders.drift import Drift, DriftBook, DriftClass
from orders.ledger import Connection, lock_deals
from payments.errors import ProviderRefused
from payments.gateway import Gateway, Intent, Refund

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Agreed:
    """What the checkout behind an order says, as far as it can still be sold."""

    total: Money
    lines: Sequence[dict[str, Any]]  # deal_id, title, quantity, unit_price_minor


class Adoption:
    """Makes the order that captured money needs, as expired: late money then takes its way.

    It is claimed again or sent back (protocol rule 9). Without its checkout nothing is known of
    what was bought, so the order has no lines, and the money goes back.
    """

    def __init__(
        self, *, pool: asyncpg.Pool, gateway: Gateway, driftbook: DriftBook, clock: Clock
    ) -> None:
        self._pool = pool
        self._gateway = gateway
        self._driftbook = driftbook
        self._clock = clock

    async def adopt_unknown(self, user_id: str, order_id: str, intent_id: str | None) -> bool:
        """Adopt the intent that an event names, when its money is captured and its order unknown.

        Raises:
            ProviderUnreachable: nothing was written; repeat.
        """
        known = await self._pool.fetchval(
            "SELECT true FROM orders WHERE user_id = $1 AND id = $2 AND status <> 'ABANDONED'",
            user_id,
            order_id,
        )
        if known or intent_id is None:
            return False
        try:
            intent = await self._gateway.retrieve(intent_id)
        except ProviderRefused as refusal:
            log.error("intent_unknown_to_provider", intent_id=intent_id, code=refusal.code)  # noqa: TRY400 - the code says it all
            return False
        if (intent.user_id, intent.order_id) != (user_id, order_id):
            return False
        return await self.adopt(intent)

    async def adopt(self, intent: Intent) -> bool:
        """Make the order of captured money, unless there is one; True when it was made here.

        An abandoned order becomes it: that its claim was given up is all it says. Settling is
        staged. May be repeated, and by several processes at once.

        Raises:
            ProviderUnreachable: nothing was written; repeat.
        """
        user_id, order_id = intent.user_id or "", intent.order_id or ""
        if intent.status != "SUCCEEDED" or not (is_id("usr", user_id) and is_id("ord", order_id)):
            return False
        refund = await self._gateway.refund_of(intent.id, order_id=order_id)
        async with self._pool.acquire() as connection, connection.transaction():
            agreed = await _agreed(connection, user_id, order_id)
            total = agreed.total if agreed else _received(intent)
            lines = agreed.lines if agreed else ()
            if not await self._insert(connection, intent, total, _status(refund)):
                return False
            await _insert_lines(connection, user_id, order_id, lines)
            await _insert_payment(connection, intent, refund)
            await jobs.stage_many(
                connection,
                jobs.SETTLE,
                [{"user_id": user_id, "order_id": order_id}],
                once=[f"settle:{order_id}"],
            )
            await self._driftbook.record_in(connection, [_drift(intent, lines)])
        log.warning("order_adopted", order_id=order_id, intent_id=intent.id, lines=len(lines))
        return True

    async def _insert(
        self, connection: Connection, intent: Intent, total: Money, status: OrderStatus
    ) -> bool:
        assert intent.order_id is not None
        made = await connection.fetchval(
            "INSERT INTO orders (user_id, id, number, checkout_id, status, rank, owns_units,"
            " total_minor, currency, placed_at, payment_due_at, checked_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, false, $7, $8, $9, $9, $10)"
            " ON CONFLICT (user_id, id) DO UPDATE SET number = excluded.number,"
            " status = excluded.status, total_minor = excluded.total_minor,"
            " currency = excluded.currency, placed_at = excluded.placed_at, updated_at = now()"
            " WHERE orders.status = 'ABANDONED' RETURNING true",
            intent.user_id,
            intent.order_id,
            number_of(intent.order_id),
            sibling("chk", intent.order_id),
            status,
            FREED,
            total.amount_minor,
            total.currency,
            intent.created_at,
            self._clock.now(),
        )
        return made is not None


async def _agreed(connection: Connection, user_id: str, order_id: str) -> _Agreed | None:
    """What the buyer agreed to; None where it is not known, or a deal of it is gone.

    Locks the deals, as everybody who writes orders does first.
    """
    row = await connection.fetchrow(
        "SELECT lines, total_minor, currency FROM checkouts WHERE user_id = $1 AND id = $2",
        user_id,
        sibling("chk", order_id),
    )
    if row is None:
        return None
    lines: list[dict[str, Any]] = orjson.loads(row["lines"])
    deals = await lock_deals(connection, [line["deal_id"] for line in lines])
    if any(line["deal_id"] not in deals for line in lines):
        return None
    return _Agreed(Money(row["total_minor"], row["currency"]), lines)


def _received(intent: Intent) -> Money:
    return Money(intent.amount_received_minor, intent.currency)


def _status(refund: Refund | None) -> OrderStatus:
    """Expired, unless the money was sent back before Postgres lost the order."""
    match refund.status if refund else "FAILED":
        case "SUCCEEDED":
            return "REFUNDED"
        case "PENDING":
            return "REFUND_PENDING"
        case "FAILED":
            return "EXPIRED"


async def _insert_lines(
    connection: Connection, user_id: str, order_id: str, lines: Sequence[dict[str, Any]]
) -> None:
    """The lines of the checkout; an abandoned order has rows of their deals and units alone."""
    await connection.execute(
        "DELETE FROM order_lines WHERE user_id = $1 AND order_id = $2", user_id, order_id
    )
    await connection.executemany(
        "INSERT INTO order_lines (user_id, order_id, deal_id, position, title, quantity,"
        " unit_price_minor) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (
                user_id,
                order_id,
                line["deal_id"],
                position,
                line["title"],
                line["quantity"],
                line["unit_price_minor"],
            )
            for position, line in enumerate(lines)
        ],
    )


async def _insert_payment(connection: Connection, intent: Intent, refund: Refund | None) -> None:
    await connection.execute(
        "INSERT INTO payments (user_id, order_id, intent_id, status, amount_minor, currency,"
        " client_secret, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (user_id, order_id, intent_id) DO UPDATE SET status = excluded.status"
        " WHERE payments.status <> 'REFUNDED'",
        intent.user_id,
        intent.order_id,
        intent.id,
        "REFUNDED" if _status(refund) == "REFUNDED" else intent.status,
        intent.amount_minor,
        intent.currency,
        intent.client_secret,
        intent.created_at,
    )


def _drift(intent: Intent, lines: Sequence[dict[str, Any]]) -> Drift:
    return Drift(
        kind=DriftClass.PAID_WITHOUT_ORDER,
        mend="ADOPT",
        note=f"{_received(intent)} was captured for an order that was not there; it was made",
        deal_id=lines[0]["deal_id"] if lines else None,
        user_id=intent.user_id,
        order_id=intent.order_id,
        intent_id=intent.id,
        units=sum(line["quantity"] for line in lines),
    )
