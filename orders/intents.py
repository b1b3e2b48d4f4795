"""Payment intents of orders: opened once, cancelled before units are freed, remembered all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import asyncpg
import structlog

from kit.money import Money
from orders.decision import Capture, PaymentFacts
from orders.errors import TryLater
from orders.statements import sql
from payments.errors import ProviderRefused
from payments.gateway import Gateway, Intent, OpenIntent

log = structlog.get_logger()

# Neither can move money any more.
_ENDED = ("CANCELLED", "REFUNDED")


@dataclass(frozen=True, slots=True)
class OrderKey:
    """What an intent is opened for."""

    user_id: str
    order_id: str
    number: str
    total: Money


class RefundFailed(Exception):
    """The provider could not send the money back: the card is gone, the account is closed."""

    def __init__(self, order_id: str, intent_id: str) -> None:
        super().__init__(f"{order_id}: {intent_id} could not be refunded")
        self.order_id = order_id
        self.intent_id = intent_id


class Intents:
    """Talks to the provider about an order's intents and writes down what it says."""

    def __init__(self, *, pool: asyncpg.Pool, gateway: Gateway) -> None:
        self._pool = pool
        self._gateway = gateway

    async def open(self, order: OrderKey) -> asyncpg.Record | None:
        """Open the order's intent. Repeating it is safe and finds the same intent (rule 7).

        What is recorded of it now, with `order_status`; None where there is nothing to pay with.

        A provider that will never open it (the amount is none it takes) is asked for its list; if
        there is no intent, the refusal is written down, and the order can end without one.

        Raises:
            ProviderUnreachable: the outcome is unknown; repeat.
            ProviderRefused: the list cannot be read either: a wrong key, a closed account.
        """
        try:
            intent = await self._gateway.open_intent(
                OpenIntent(
                    order_id=order.order_id,
                    user_id=order.user_id,
                    order_number=order.number,
                    amount_minor=order.total.amount_minor,
                    currency=order.total.currency,
                )
            )
        except ProviderRefused as refusal:
            if await self._read_list(order):
                return None
            log.error("intent_refused", order_id=order.order_id, code=refusal.code)  # noqa: TRY400 - the code says it all
            await self._pool.execute(
                "UPDATE orders SET intent_refusal = $3 WHERE user_id = $1 AND id = $2",
                order.user_id,
                order.order_id,
                refusal.message,
            )
            return None
        # Lost with a crash of Postgres it is found again by the same key, so no flush is awaited.
        # Others may have opened it meanwhile, and heard more of it than this answer tells.
        return await self._remember(order.user_id, order.order_id, intent, opening=True)

    async def ask(self, order: OrderKey, *, also: str | None = None) -> PaymentFacts:
        """The real state of every intent that is known of an order, and of one more if named."""
        rows = await self._pool.fetch(
            "SELECT intent_id, status FROM payments WHERE user_id = $1 AND order_id = $2"
            " ORDER BY created_at, intent_id",
            order.user_id,
            order.order_id,
        )
        refunded = {row["intent_id"] for row in rows if row["status"] == "REFUNDED"}
        intents: list[Intent] = []
        unreadable = 0
        for intent_id in dict.fromkeys([*(row["intent_id"] for row in rows), also]):
            if intent_id is None:
                continue
            intent = await self._retrieve(intent_id, order.order_id)
            if intent is not None:
                intents.append(intent)
            elif intent_id != also:
                unreadable += 1  # nothing is concluded from "not found": it may move money
        intents.sort(key=lambda intent: (intent.created_at, intent.id))
        await self.remember(order.user_id, order.order_id, intents)
        facts = facts_of(intents, refunded)
        refused = await self._pool.fetchval(
            "SELECT intent_refusal IS NOT NULL FROM orders WHERE user_id = $1 AND id = $2",
            order.user_id,
            order.order_id,
        )
        return replace(
            facts, known=facts.known + unreadable + bool(refused), open=facts.open + unreadable
        )

    async def cancel_all(self, order: OrderKey) -> None:
        """Cancel every intent of an order that can still move money, but the one that paid it.

        An intent that is not known is opened again with the same key first, and the provider's
        list is read for a second one that a forgotten key may have made (rules 7 and 8). All of
        them are written down before the first is cancelled.

        Raises:
            ProviderUnreachable: some may be cancelled; repeat.
        """
        row = await self._pool.fetchrow(
            "SELECT paid_by, intent_refusal,"
            " EXISTS (SELECT FROM payments WHERE user_id = $1 AND order_id = $2) AS known"
            " FROM orders WHERE user_id = $1 AND id = $2",
            order.user_id,
            order.order_id,
        )
        assert row is not None
        if not row["known"] and row["intent_refusal"] is None:
            await self.open(order)
        await self._read_list(order)
        known = await self._pool.fetch(
            "SELECT intent_id, status FROM payments WHERE user_id = $1 AND order_id = $2",
            order.user_id,
            order.order_id,
        )
        for intent_id, status in known:
            if status not in _ENDED and intent_id != row["paid_by"]:
                ended = await self._gateway.cancel(intent_id)
                await self.remember(order.user_id, order.order_id, [ended])

    async def _read_list(self, order: OrderKey) -> bool:
        """Write down every intent of the order that the provider lists; whether there was one."""
        placed_at = await self._pool.fetchval(
            "SELECT placed_at FROM orders WHERE user_id = $1 AND id = $2",
            order.user_id,
            order.order_id,
        )
        listed = await self._gateway.intents_of(order.order_id, since=placed_at)
        await self.remember(order.user_id, order.order_id, listed)
        return bool(listed)

    async def _retrieve(self, intent_id: str, order_id: str) -> Intent | None:
        """The intent's real state; None, and an alert, when it is not this order's at all."""
        try:
            intent = await self._gateway.retrieve(intent_id)
        except ProviderRefused as refusal:
            log.error("intent_unknown_to_provider", intent_id=intent_id, code=refusal.code)  # noqa: TRY400 - the code says it all
            return None
        if intent.order_id != order_id:
            log.error("intent_of_another_order", intent_id=intent_id, order_id=order_id)
            return None
        return intent

    async def refund(self, order: OrderKey, *, intent_id: str, amount_minor: int) -> None:
        """Send one capture back. May be repeated: the provider refunds once.

        Raises:
            ProviderUnreachable: the outcome is unknown; repeat.
            TryLater: the provider has not finished it yet; repeat.
            RefundFailed: the provider could not send it; a person has to.
        """
        refund = await self._gateway.refund(
            intent_id, order_id=order.order_id, amount_minor=amount_minor
        )
        if refund.status == "FAILED":
            raise RefundFailed(order.order_id, intent_id)
        if refund.status != "SUCCEEDED":
            raise TryLater(retry_after_ms=5_000, reason="the refund is under way")
        await self._pool.execute(
            "UPDATE payments SET status = 'REFUNDED', updated_at = now()"
            " WHERE user_id = $1 AND order_id = $2 AND intent_id = $3",
            order.user_id,
            order.order_id,
            intent_id,
        )

    async def sent_back(self, order_id: str, captures: Sequence[Capture]) -> bool:
        """Whether a refund of ours has left already: a restored backup does not know of it.

        Raises:
            ProviderUnreachable: repeat.
        """
        for capture in captures:
            refund = await self._gateway.refund_of(capture.intent_id, order_id=order_id)
            if refund is not None and refund.status != "FAILED":
                return True
        return False

    async def remember(self, user_id: str, order_id: str, intents: Sequence[Intent]) -> None:
        """Write down what the provider said. What was refunded stays refunded."""
        for intent in intents:
            await self._remember(user_id, order_id, intent, opening=False)

    async def _remember(
        self, user_id: str, order_id: str, intent: Intent, *, opening: bool
    ) -> asyncpg.Record | None:
        return await self._pool.fetchrow(
            sql("remember_intent"),
            user_id,
            order_id,
            intent.id,
            intent.status,
            intent.amount_minor,
            intent.currency,
            intent.client_secret,
            intent.failure_message,
            intent.created_at,
            opening,
        )


def facts_of(intents: Sequence[Intent], refunded: set[str]) -> PaymentFacts:
    """What `decide` needs to know of an order's intents; refunded ones moved their money back."""
    live = [intent for intent in intents if intent.id not in refunded]
    return PaymentFacts(
        known=len(intents),
        open=sum(intent.status not in ("SUCCEEDED", "CANCELLED") for intent in live),
        captures=tuple(
            Capture(intent.id, Money(intent.amount_received_minor, intent.currency))
            for intent in live
            if intent.status == "SUCCEEDED"
        ),
    )
