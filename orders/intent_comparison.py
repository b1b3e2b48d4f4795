"""Compares the provider's intents with the orders that they were opened for, and mends it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from kit.ids import is_id
from orders.adoption import Adoption
from orders.drift import Drift, DriftClass, Mend
from orders.intents import Intents
from orders.settlement import Settlement
from orders.statements import sql
from payments.errors import ListingTooLong, ProviderRefused
from payments.gateway import Gateway, Intent

log = structlog.get_logger()

# Of the list of open intents whose order has ended; the next pass takes the rest.
MOST_OPEN: Final = 50


class IntentComparison:
    """Finds intents without their order, and money that no order stands for."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        gateway: Gateway,
        adoption: Adoption,
        intents: Intents,
        settlement: Settlement,
    ) -> None:
        self._pool = pool
        self._gateway = gateway
        self._adoption = adoption
        self._intents = intents
        self._settlement = settlement

    async def compare(self, since: datetime, *, most_pages: int) -> list[Drift]:
        """Compare all intents opened since a moment, and older open ones of orders that ended.

        Nothing is concluded from what the provider does not list (protocol rule 7). Reads only.

        Raises:
            ProviderUnreachable: repeat.
        """
        found: list[Drift] = []
        try:
            async for page in self._gateway.intents_since(since, most_pages=most_pages):
                found += await self._compare(page)
        except ListingTooLong as too_long:
            log.warning("intents_left_out", error=str(too_long))
        open_ids = await self._pool.fetch(sql("open_intents_of_ended_orders"), MOST_OPEN)
        told = {drift.intent_id for drift in found}
        return found + await self._retrieve([row[0] for row in open_ids if row[0] not in told])

    async def compare_again(self, drifts: Sequence[Drift]) -> list[Drift]:
        """Those of the differences that are still there, asked anew, with their new mending."""
        return await self._retrieve([drift.intent_id for drift in drifts if drift.intent_id])

    async def mend(self, drift: Drift) -> None:
        """Mend one difference. May be repeated.

        Raises:
            ProviderUnreachable, TryLater: how far it came is in Postgres; repeat.
            ProviderRefused: a person has to.
        """
        user_id, order_id, intent_id = drift.user_id, drift.order_id, drift.intent_id
        assert user_id is not None
        assert order_id is not None
        assert intent_id is not None
        match drift.mend:
            case "ADOPT":
                await self._adoption.adopt_unknown(user_id, order_id, intent_id)
                await self._settlement.settle(user_id, order_id, intent_id=intent_id)
            case "CANCEL":
                ended = await self._gateway.cancel(intent_id)
                await self._intents.remember(user_id, order_id, [ended])
            case "SETTLE":
                await self._settlement.settle(user_id, order_id, intent_id=intent_id)
            case word:
                raise AssertionError(f"an intent is not mended by {word}")

    async def _retrieve(self, intent_ids: Sequence[str]) -> list[Drift]:
        intents: list[Intent] = []
        for intent_id in intent_ids:
            try:
                intents.append(await self._gateway.retrieve(intent_id))
            except ProviderRefused as refusal:
                log.error("intent_unknown_to_provider", intent_id=intent_id, code=refusal.code)  # noqa: TRY400 - the code says it all
        return await self._compare(intents)

    async def _compare(self, intents: Sequence[Intent]) -> list[Drift]:
        """Compare intents that name an order and a buyer of ours; other systems have theirs."""
        ours = [
            intent
            for intent in intents
            if is_id("usr", intent.user_id or "") and is_id("ord", intent.order_id or "")
        ]
        if not ours:
            return []
        rows = await self._pool.fetch(
            sql("orders_of_intents"),
            [intent.user_id for intent in ours],
            [intent.order_id for intent in ours],
            [intent.id for intent in ours],
        )
        by_id = {row["intent_id"]: row for row in rows}
        busy = await self._pool.fetch(sql("orders_in_hand"), [intent.order_id for intent in ours])
        in_hand = {row[0] for row in busy}
        drifts = (compare_intent(intent, by_id[intent.id]) for intent in ours)
        return [drift for drift in drifts if drift and drift.order_id not in in_hand]


def compare_intent(intent: Intent, row: asyncpg.Record) -> Drift | None:
    """What is wrong between an intent and its order's row (status None: there is no order)."""
    captured, can_move = (
        intent.status == "SUCCEEDED",
        intent.status
        not in (
            "SUCCEEDED",
            "CANCELLED",
        ),
    )
    sent_back = row["recorded"] == "REFUNDED"
    match row["status"]:
        case None | "ABANDONED":
            mend: Mend = "ADOPT" if captured else "CANCEL"
            wrong = can_move or (captured and not sent_back)
            state = "is not there"
        case "EXPIRED" | "CANCELLED" | "REFUNDED" as status:
            mend, wrong = "SETTLE", can_move or (captured and not sent_back)
            state = f"is {status}"
        case "PAID":
            mend, wrong = (
                "SETTLE",
                intent.id != row["paid_by"] and (can_move or (captured and not sent_back)),
            )
            state = f"was paid by {row['paid_by']}"
        case _:  # on its way: the poller and its deadline see to it, or a person does
            return None
    if not wrong:
        return None
    word = "captured" if captured else "open"
    return Drift(
        DriftClass.PAID_WITHOUT_ORDER if captured else DriftClass.ORPHAN_INTENT,
        mend,
        f"{intent.amount_minor} {intent.currency} {word} for an order that {state}",
        deal_id=row["deal_id"],
        user_id=intent.user_id,
        order_id=intent.order_id,
        intent_id=intent.id,
        units=row["units"],
    )
