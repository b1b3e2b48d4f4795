"""A provider whose answers a test decides, and a settlement that asks it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orders.intents import Intents
from orders.late_money import LateMoney
from orders.settlement import Settlement
from payments.errors import ProviderRefused, ProviderUnreachable
from payments.gateway import Intent, OpenIntent, Refund
from tests.orders.shop import Shop


@dataclass
class Provider:
    """A provider whose intents, refusals and failures a test decides."""

    order_id: str
    statuses: dict[str, Any] = field(default_factory=dict)
    refuses_to_open: bool = False
    unreachable_once: set[str] = field(default_factory=set)
    refund_status: Any = "SUCCEEDED"
    sent_back: Refund | None = None
    paid_minor: int = 1_500
    publishable_key: str = "pk"
    wait_seconds: float = 0.0

    async def open_intent(self, request: OpenIntent) -> Intent:
        del request
        if self.refuses_to_open:
            raise ProviderRefused("amount_too_small", "At least 50 cents.")
        return self._intent("pi_1")

    async def retrieve(self, intent_id: str) -> Intent:
        if intent_id not in self.statuses:
            raise ProviderRefused("resource_missing", "No such intent.")
        return self._intent(intent_id)

    async def intents_of(self, order_id: str, since: datetime) -> list[Intent]:
        del order_id, since
        return [self._intent(intent_id) for intent_id in self.statuses]

    async def cancel(self, intent_id: str) -> Intent:
        if intent_id in self.unreachable_once:
            self.unreachable_once.remove(intent_id)
            raise ProviderUnreachable("timeout")
        self.statuses[intent_id] = "CANCELLED"
        return self._intent(intent_id)

    async def refund(self, intent_id: str, *, order_id: str, amount_minor: int) -> Refund:
        del order_id, amount_minor
        return Refund(f"re_{intent_id}", self.refund_status)

    async def intents_since(
        self, since: datetime, *, most_pages: int
    ) -> AsyncIterator[Sequence[Intent]]:
        del since, most_pages
        yield [self._intent(intent_id) for intent_id in self.statuses]

    async def refund_of(self, intent_id: str, *, order_id: str) -> Refund | None:
        del intent_id, order_id
        return self.sent_back

    async def aclose(self) -> None:
        """Nothing is open."""

    def _intent(self, intent_id: str) -> Intent:
        status = self.statuses[intent_id]
        paid = self.paid_minor if status == "SUCCEEDED" else 0
        return Intent(
            id=intent_id,
            status=status,
            amount_minor=1_500,
            amount_received_minor=paid,
            currency="USD",
            client_secret="secret",
            failure_message=None,
            order_id=self.order_id,
            user_id="usr",
            created_at=datetime.now(UTC),
        )


def late_money_of(shop: Shop) -> LateMoney:
    resources = shop.resources
    return LateMoney(
        pool=resources.pool,
        stock=resources.stock,
        gatekeeper=resources.gatekeeper,
        dealbook=resources.dealbook,
    )


def settlement_with(shop: Shop, provider: Provider) -> Settlement:
    resources = shop.resources
    return Settlement(
        pool=resources.pool,
        intents=Intents(pool=resources.pool, gateway=provider),
        late_money=late_money_of(shop),
        announcer=resources.announcer,
        clock=resources.clock,
    )


async def forget_intents(shop: Shop, order_id: str) -> None:
    await shop.resources.pool.execute("DELETE FROM payments WHERE order_id = $1", order_id)
