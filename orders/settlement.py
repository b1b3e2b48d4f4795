"""Applies a payment's outcome to the order, its claim and its units."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast

import asyncpg
import structlog

from kit.clock import Clock
from kit.money import Money
from notifications import notices
from notifications.announcements import Announcer
from notifications.messages import Line, OrderConfirmed
from orders import jobs
from orders.decision import Decision, Effect, OrderFacts, OrderStatus, decide
from orders.drafts import CLAIMED, FREED, FREED_AGAIN, SOLD, SOLD_AGAIN
from orders.intents import Intents, OrderKey
from orders.ledger import Connection, LedgerPage, lock_deals

log = structlog.get_logger()

# Cancelling leads to a new answer of the provider, that to the end; more is a loop.
MOST_STEPS = 5


class Settlement:
    """Asks the provider, decides, and applies: used by webhooks, poller, expiry and cancelling."""

    def __init__(
        self, *, pool: asyncpg.Pool, intents: Intents, announcer: Announcer, clock: Clock
    ) -> None:
        self._pool = pool
        self._intents = intents
        self._announcer = announcer
        self._clock = clock

    async def settle(self, user_id: str, order_id: str, *, intent_id: str | None = None) -> None:
        """Bring an order as far as its payments allow. May be repeated at any time, by anybody.

        `intent_id` names an intent that an event spoke of, which may not be known here yet.

        Raises:
            ProviderUnreachable: how far it came is in Postgres; repeat.
        """
        listed = False
        for _ in range(MOST_STEPS):
            row = await self._row(user_id, order_id)
            if row is None:
                log.error("event_for_unknown_order", order_id=order_id, intent_id=intent_id)
                return
            key = OrderKey(
                user_id, order_id, row["number"], Money(row["total_minor"], row["currency"])
            )
            payment = await self._intents.ask(key, also=intent_id)
            facts = OrderFacts(
                status=cast("OrderStatus", row["status"]),
                total=key.total,
                payment_due_at=row["payment_due_at"],
                paid_by=row["paid_by"],
            )
            decision = decide(facts, replace(payment, listed=listed), self._clock.now())
            moved = await self._apply(row, decision)
            await self._announcer.order(user_id, order_id)
            again = await self._ask_provider(key, decision)
            listed = listed or Effect.CANCEL_INTENTS in decision.effects
            if not (moved or again):
                return

    async def review_unless(self, user_id: str, order_id: str, *, charged: Money) -> None:
        """Put an unpaid order under review when an event names another amount or currency.

        A person decides then: nothing is guessed, the units stay claimed. May be repeated.
        """
        reviewed = await self._pool.fetchval(
            "UPDATE orders SET status = 'UNDER_REVIEW', updated_at = now()"
            " WHERE user_id = $1 AND id = $2 AND (total_minor, currency) <> ($3, $4)"
            " AND status IN ('PENDING_PAYMENT', 'CANCELLING', 'EXPIRING') RETURNING true",
            user_id,
            order_id,
            charged.amount_minor,
            charged.currency,
        )
        if reviewed:
            log.error("order_under_review", order_id=order_id, charged=str(charged))
            await self._announcer.order(user_id, order_id)

    async def review(self, user_id: str, order_id: str, *, reason: str) -> None:
        """Leave an order whose refund failed to a person. May be repeated."""
        await self._pool.execute(
            "UPDATE orders SET status = 'UNDER_REVIEW', updated_at = now()"
            " WHERE user_id = $1 AND id = $2 AND status = 'REFUND_PENDING'",
            user_id,
            order_id,
        )
        log.error("order_under_review", order_id=order_id, reason=reason)
        await self._announcer.order(user_id, order_id)

    async def begin_cancelling(self, user_id: str, order_id: str) -> OrderStatus | None:
        """Mark an unpaid order as being cancelled; its status now, None when there is none."""
        moved = await self._pool.fetchval(
            "UPDATE orders SET status = 'CANCELLING', updated_at = now()"
            " WHERE user_id = $1 AND id = $2 AND status = 'PENDING_PAYMENT' RETURNING status",
            user_id,
            order_id,
        )
        if moved is None:
            moved = await self._pool.fetchval(
                "SELECT status FROM orders WHERE user_id = $1 AND id = $2", user_id, order_id
            )
        return cast("OrderStatus | None", moved)

    async def _row(self, user_id: str, order_id: str) -> asyncpg.Record | None:
        return await self._pool.fetchrow(
            "UPDATE orders SET checked_at = $3 WHERE user_id = $1 AND id = $2 RETURNING *",
            user_id,
            order_id,
            self._clock.now(),
        )

    async def _ask_provider(self, key: OrderKey, decision: Decision) -> bool:
        """What a decision wants of the provider; True when it is worth deciding again."""
        if Effect.OPEN_INTENT in decision.effects:
            await self._intents.open(key)
            return False
        if Effect.CANCEL_INTENTS in decision.effects:
            await self._intents.cancel_all(key)
            # A paid order needs no second look: the cancelled intent was a spare one.
            return decision.status != "PAID"
        return False

    async def _apply(self, row: asyncpg.Record, decision: Decision) -> bool:
        """Write a decision, on condition that the order is still what it was; True if it moved."""
        changes: bool = decision.status != row["status"]
        refunds = [
            {
                "user_id": row["user_id"],
                "order_id": row["id"],
                "intent_id": capture.intent_id,
                "amount_minor": capture.amount.amount_minor,
            }
            for capture in decision.refund
        ]
        if not changes and not refunds:
            return False
        async with self._pool.acquire() as connection, connection.transaction():
            if changes and not await self._transition(connection, row, decision):
                return True  # somebody else moved it: look again
            # Staged with REFUND_PENDING, so sent only after that has committed (rule 9).
            await jobs.stage_many(
                connection,
                jobs.REFUND,
                refunds,
                once=[f"refund:{refund['order_id']}:{refund['intent_id']}" for refund in refunds],
            )
        if Effect.ALERT in decision.effects:
            log.error("order_under_review", order_id=row["id"], user_id=row["user_id"])
        if changes:
            log.info("order_moved", order_id=row["id"], was=row["status"], now=decision.status)
        return changes

    async def _transition(
        self, connection: Connection, row: asyncpg.Record, decision: Decision
    ) -> bool:
        """The conditional UPDATE and all that has to be true with it; False when it came late."""
        lines = await connection.fetch(
            "SELECT deal_id, title, quantity, unit_price_minor FROM order_lines"
            " WHERE user_id = $1 AND order_id = $2 ORDER BY position",
            row["user_id"],
            row["id"],
        )
        units = _units_move(row, decision)
        deals = await lock_deals(connection, [line["deal_id"] for line in lines]) if units else {}
        rank, owns_units = row["rank"], row["owns_units"]
        if units == "SOLD":
            rank = SOLD if row["rank"] == CLAIMED else SOLD_AGAIN
        elif units == "FREED":
            rank = FREED if row["rank"] == CLAIMED else FREED_AGAIN
            owns_units = False
        moved = await connection.fetchval(
            "UPDATE orders SET status = $4, rank = $5, owns_units = $6,"
            " paid_by = coalesce($7, paid_by), updated_at = now()"
            " WHERE user_id = $1 AND id = $2 AND status = $3 RETURNING true",
            row["user_id"],
            row["id"],
            row["status"],
            decision.status,
            rank,
            owns_units,
            decision.paid_by,
        )
        if not moved:
            return False
        if units:
            page = LedgerPage(now=self._clock.now())
            for line in sorted(lines, key=lambda line: line["deal_id"]):
                page.move(
                    deals[line["deal_id"]],
                    units,
                    line["quantity"],
                    actor="settlement",
                    order_ids=[row["id"]],
                )
            await page.write(connection)
            if units == "FREED":
                await _give_limit_back(connection, row["user_id"], lines)
            await jobs.stage_many(
                connection,
                jobs.GATE_MESSAGE,
                [
                    jobs.gate_message(
                        deal_id=line["deal_id"],
                        order_id=row["id"],
                        user_id=row["user_id"],
                        units=line["quantity"],
                        epoch=deals[line["deal_id"]].epoch,
                        rank=rank,
                    )
                    for line in lines
                ],
            )
        if Effect.CONFIRM_TO_BUYER in decision.effects:
            await _confirm(connection, row, lines)
        return True


def _units_move(row: asyncpg.Record, decision: Decision) -> Literal["SOLD", "FREED"] | None:
    """Whether units are sold or freed; only what the order still owns can be (rule 10)."""
    if not row["owns_units"]:
        return None
    if Effect.COMMIT_UNITS in decision.effects:
        return "SOLD"
    if Effect.FREE_UNITS in decision.effects:
        return "FREED"
    return None


async def _give_limit_back(
    connection: Connection, user_id: str, lines: Sequence[asyncpg.Record]
) -> None:
    await connection.executemany(
        "UPDATE deal_buyers SET units = units - $3 WHERE user_id = $1 AND deal_id = $2",
        [(user_id, line["deal_id"], line["quantity"]) for line in lines],
    )


async def _confirm(
    connection: Connection, order: asyncpg.Record, lines: Sequence[asyncpg.Record]
) -> None:
    """Stage the order confirmation: once, with the transition that makes it true."""
    await notices.stage(
        connection,
        order["user_id"],
        f"order_confirmed:{order['id']}",
        OrderConfirmed(
            order_number=order["number"],
            lines=tuple(
                Line(
                    title=line["title"],
                    quantity=line["quantity"],
                    unit_price_minor=line["unit_price_minor"],
                )
                for line in lines
            ),
            total_minor=order["total_minor"],
            currency=order["currency"],
        ),
    )
