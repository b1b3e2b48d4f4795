"""Applies a payment's outcome to the order, its claim and its units."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import asyncpg
import structlog

from kit.clock import Clock
from kit.money import Money
from notifications.announcements import Announcer
from orders import jobs
from orders.decision import Decision, Effect, OrderFacts, OrderStatus, PaymentFacts, decide
from orders.errors import TryLater
from orders.intents import Intents, OrderKey
from orders.late_money import LateMoney
from orders.transition import Outcome, move

log = structlog.get_logger()

# Cancelling leads to a new answer of the provider, that to the end; more is a loop.
MOST_STEPS = 5
# Each attempt follows a rebuild of a gate; three rebuilds in so short a time are a storm.
MOST_CLAIMS = 3


class Settlement:
    """Asks the provider, decides, and applies: used by webhooks, poller, expiry and cancelling."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        intents: Intents,
        late_money: LateMoney,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._intents = intents
        self._late_money = late_money
        self._announcer = announcer
        self._clock = clock

    async def settle(self, user_id: str, order_id: str, *, intent_id: str | None = None) -> None:
        """Bring an order as far as its payments allow. May be repeated at any time, by anybody.

        `intent_id` names an intent that an event spoke of, which may not be known here yet.

        Raises:
            ProviderUnreachable: how far it came is in Postgres; repeat.
            TryLater: money came late, and a gate is out of reach; repeat.
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
                restock=row["refund_restock"] is not False,
            )
            payment = replace(payment, listed=listed)
            decision = decide(facts, payment, self._clock.now())
            if Effect.RECLAIM_UNITS in decision.effects:
                moved = await self._apply_late(row, facts, payment)
            else:
                moved = await self._apply(row, decision) is not None
            self._announcer.order(user_id, order_id)
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
            self._announcer.order(user_id, order_id)

    async def review(self, user_id: str, order_id: str, *, reason: str) -> None:
        """Leave an order whose refund failed to a person. May be repeated."""
        await self._pool.execute(
            "UPDATE orders SET status = 'UNDER_REVIEW', updated_at = now()"
            " WHERE user_id = $1 AND id = $2 AND status = 'REFUND_PENDING'",
            user_id,
            order_id,
        )
        log.error("order_under_review", order_id=order_id, reason=reason)
        self._announcer.order(user_id, order_id)

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

    async def _apply_late(
        self, row: asyncpg.Record, facts: OrderFacts, payment: PaymentFacts
    ) -> bool:
        """Take the units at the gates first, then in Postgres; else the money goes back (rule 9).

        Raises:
            TryLater: a gate is out of reach, or is being rebuilt over and over; repeat.
        """
        now = self._clock.now()
        refused = decide(replace(facts, units="REFUSED"), payment, now)
        if await self._intents.sent_back(row["id"], payment.captures):
            await self._apply(row, refused)
            return True
        for _ in range(MOST_CLAIMS):
            taken = await self._late_money.reclaim(row["user_id"], row["id"])
            if taken is None:
                break
            paid = decide(replace(facts, units="TAKEN"), payment, now)
            outcome = await self._apply(row, paid, taken=taken)
            if outcome == "UNITS_GONE":
                break
            if outcome != "GATE_MOVED":
                return True
            self._late_money.forget_epochs(taken)
        else:
            raise TryLater(retry_after_ms=500, reason="the stock of this deal is being counted")
        await self._apply(row, refused)
        return True

    async def _apply(
        self,
        row: asyncpg.Record,
        decision: Decision,
        *,
        taken: Mapping[str, int] | None = None,
    ) -> Outcome | None:
        """Write a decision, on condition that the order is still what it was; None: it stays."""
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
            return None
        async with self._pool.acquire() as connection, connection.transaction():
            if changes:
                outcome = await move(connection, row, decision, now=self._clock.now(), taken=taken)
                if outcome != "MOVED":
                    return outcome
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
        return "MOVED" if changes else None
