"""What the worker does with each kind of job; every one may run twice."""

from typing import Any

import asyncpg
import orjson
import structlog
from redis.exceptions import RedisError

from inventory.errors import StaleEpoch
from inventory.stock import Settled, Stock
from kit.money import Money
from orders import jobs
from orders.adoption import Adoption
from orders.dealdesk import DealDesk
from orders.drafts import CLAIMED, FREED, FREED_AGAIN, SOLD, SOLD_AGAIN
from orders.errors import NotFound, TryLater
from orders.gatekeeper import Gatekeeper
from orders.intents import Intents, OrderKey, RefundFailed
from orders.settlement import Settlement
from payments.errors import ProviderRefused, ProviderUnreachable
from payments.events import mark_handled

log = structlog.get_logger()


class JobHandlers:
    """The handlers of the jobs that orders stage, by name in `orders.jobs`."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        stock: Stock,
        gatekeeper: Gatekeeper,
        settlement: Settlement,
        intents: Intents,
        adoption: Adoption,
        dealdesk: DealDesk,
    ) -> None:
        self._pool = pool
        self._stock = stock
        self._gatekeeper = gatekeeper
        self._settlement = settlement
        self._intents = intents
        self._adoption = adoption
        self._dealdesk = dealdesk

    async def orders_placed(self, payload: dict[str, Any]) -> None:
        """Confirm the claims at the gate, and open the intents that the API could not open."""
        for order in payload["orders"]:
            for deal_id, units, epoch in order["lines"]:
                await self.gate_message(
                    jobs.gate_message(
                        deal_id=deal_id,
                        order_id=order["order_id"],
                        user_id=order["user_id"],
                        units=units,
                        epoch=epoch,
                        rank=CLAIMED,
                    )
                )
        troubles: list[Exception] = []
        for order in payload["orders"]:
            try:
                await self._open_missing_intent(order["user_id"], order["order_id"])
            except (ProviderUnreachable, ProviderRefused) as trouble:
                troubles.append(trouble)  # an order in trouble must not keep its neighbours waiting
        if troubles:
            raise troubles[0]

    async def gate_message(self, message: dict[str, Any]) -> None:
        """Apply one message from Postgres to the gate (protocol rule 4).

        Raises:
            TryLater: the gate is out of reach, or older than the message: repeat later.
        """
        deal_id, rank = message["deal_id"], message["rank"]
        try:
            settled = await self._tell(message, rank)
        except (RedisError, OSError) as error:
            raise TryLater(retry_after_ms=1_000, reason="the stock is out of reach") from error
        match settled.word:
            case "APPLIED":
                if settled.counters is not None and rank != CLAIMED:
                    self._gatekeeper.announce(settled.counters)
            case "OLD_RANK" | "NEWER_EPOCH":
                return
            case "UNKNOWN_CLAIM":
                # A server that was rolled back: its gate has the right epoch and a wrong memory.
                log.warning("gate_forgot_claim", deal_id=deal_id, order_id=message["order_id"])
                await self._gatekeeper.recount(deal_id, above=message["epoch"])
            case "OLDER_OR_MISSING":
                await self._wake_gate(deal_id)
                raise TryLater(retry_after_ms=500, reason="the gate is not open yet")

    async def settle(self, payload: dict[str, Any]) -> None:
        """Bring one order as far as its payments allow."""
        await self._settlement.settle(payload["user_id"], payload["order_id"])

    async def payment_event(self, payload: dict[str, Any]) -> None:
        """Handle one event of the inbox; the provider is asked for the real state."""
        event = await self._pool.fetchrow(
            "SELECT * FROM inbox WHERE event_id = $1 AND handled_at IS NULL", payload["event_id"]
        )
        if event is None:
            return
        if event["user_id"] and event["order_id"]:
            await self._adoption.adopt_unknown(
                event["user_id"], event["order_id"], event["intent_id"]
            )
            charged = _charged(orjson.loads(event["payload"]))
            if charged is not None:
                await self._settlement.review_unless(
                    event["user_id"], event["order_id"], charged=charged
                )
            await self._settlement.settle(
                event["user_id"], event["order_id"], intent_id=event["intent_id"]
            )
        else:
            log.error("event_without_order", event_id=event["event_id"], type=event["type"])
        async with self._pool.acquire() as connection:
            await mark_handled(connection, payload["event_id"])

    async def refund(self, payload: dict[str, Any]) -> None:
        """Send one capture back, then let the order take note of it."""
        key = await self._key(payload["user_id"], payload["order_id"])
        if key is None:
            return
        try:
            await self._intents.refund(
                key, intent_id=payload["intent_id"], amount_minor=payload["amount_minor"]
            )
        except RefundFailed as failure:
            await self._settlement.review(key.user_id, key.order_id, reason=str(failure))
            return
        await self._settlement.settle(key.user_id, key.order_id)

    async def deal_changed(self, payload: dict[str, Any]) -> None:
        """Tell the gate a deal's present terms."""
        await self._dealdesk.tell_gate(payload["deal_id"])

    async def stock_added(self, payload: dict[str, Any]) -> None:
        """Tell the gate of units that Postgres gave, once per operation id."""
        try:
            counters = await self._stock.adjust_stock(
                payload["deal_id"],
                payload["delta"],
                epoch=payload["epoch"],
                operation_id=payload["operation_id"],
                ledger_seq=payload["ledger_seq"],
            )
        except StaleEpoch as stale:
            if stale.gate_epoch is not None and stale.gate_epoch > payload["epoch"]:
                return  # the rebuild has counted them
            await self._wake_gate(payload["deal_id"])
            raise TryLater(retry_after_ms=500, reason="the gate is not open yet") from stale
        except (RedisError, OSError) as error:
            raise TryLater(retry_after_ms=1_000, reason="the stock is out of reach") from error
        self._gatekeeper.announce(counters)

    async def _tell(self, message: dict[str, Any], rank: int) -> Settled:
        deal_id, order_id = message["deal_id"], message["order_id"]
        user_id, units, epoch = message["user_id"], message["units"], message["epoch"]
        match rank:
            case 1:
                assert rank == CLAIMED
                return await self._stock.confirm_claim(
                    deal_id, order_id, user_id, units, epoch=epoch
                )
            case 2 | 4:
                assert rank in (SOLD, SOLD_AGAIN)
                return await self._stock.commit_claim(
                    deal_id, order_id, user_id, units, epoch=epoch, rank=rank
                )
            case 3 | 5:
                assert rank in (FREED, FREED_AGAIN)
                return await self._stock.release_claim(
                    deal_id,
                    order_id,
                    user_id,
                    units,
                    epoch=epoch,
                    rank=rank,
                    restock=message.get("restock", True),  # absent in messages of older versions
                )
            case _:
                raise AssertionError(f"no such rank: {rank}")

    async def _wake_gate(self, deal_id: str) -> None:
        """Open a gate that nobody is at, so that its messages need not wait for a buyer."""
        try:
            await self._gatekeeper.ensure_open(deal_id)
        except NotFound:
            log.info("message_for_deleted_deal", deal_id=deal_id)

    async def _open_missing_intent(self, user_id: str, order_id: str) -> None:
        missing = await self._pool.fetchval(
            "SELECT NOT EXISTS (SELECT FROM payments WHERE user_id = $1 AND order_id = $2)"
            " AND EXISTS (SELECT FROM orders WHERE user_id = $1 AND id = $2"
            " AND status = 'PENDING_PAYMENT' AND intent_refusal IS NULL)",
            user_id,
            order_id,
        )
        if missing:
            await self._settlement.settle(user_id, order_id)

    async def _key(self, user_id: str, order_id: str) -> OrderKey | None:
        row = await self._pool.fetchrow(
            "SELECT number, total_minor, currency FROM orders WHERE user_id = $1 AND id = $2",
            user_id,
            order_id,
        )
        if row is None:
            return None
        return OrderKey(
            user_id, order_id, row["number"], Money(row["total_minor"], row["currency"])
        )


def _charged(event: dict[str, Any]) -> Money | None:
    """What a payment event says was charged; None when it speaks of no charge."""
    if event.get("type") != "payment_intent.succeeded":
        return None
    intent = event["data"]["object"]
    return Money(int(intent["amount"]), str(intent["currency"]).upper())
