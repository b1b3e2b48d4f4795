"""Work staged in the transaction that causes it: at least once, each made to be repeated."""

from datetime import timedelta
from typing import Any, Final, cast

import asyncpg
import orjson
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries

from orders.ledger import Connection

ORDERS_PLACED: Final = "orders_placed"
"""{"orders": [{"user_id", "order_id", "lines": [[deal_id, units, epoch]]}]}: confirm the claims at
the gate, open the payment intents that are still missing."""

GATE_MESSAGE: Final = "gate_message"
"""{"deal_id", "order_id", "user_id", "units", "epoch", "rank", "restock"}: protocol rule 4.

`restock` is false where freed units are written off instead of going back on sale."""

SETTLE: Final = "settle"
"""{"user_id", "order_id"}: compare an order with its payments and go on from there."""

PAYMENT_EVENT: Final = "payment_event"
"""{"event_id"}: a webhook in the inbox is to be handled."""

REFUND: Final = "refund"
"""{"user_id", "order_id", "intent_id", "amount_minor"}: send money back, once."""

DEAL_CHANGED: Final = "deal_changed"
"""{"deal_id"}: tell the gate the deal's present terms."""

STOCK_ADDED: Final = "stock_added"
"""{"deal_id", "delta", "epoch", "operation_id", "ledger_seq"}: units that Postgres gave."""


def gate_message(
    *,
    deal_id: str,
    order_id: str,
    user_id: str,
    units: int,
    epoch: int,
    rank: int,
    restock: bool = True,
) -> dict[str, Any]:
    """The payload of a `GATE_MESSAGE`; `epoch` is that of the locked deal row."""
    return {
        "deal_id": deal_id,
        "order_id": order_id,
        "user_id": user_id,
        "units": units,
        "epoch": epoch,
        "rank": rank,
        "restock": restock,
    }


async def stage(
    connection: Connection, name: str, payload: dict[str, Any], *, after: timedelta | None = None
) -> None:
    """Queue one job in the running transaction; it exists if and only if that commits."""
    await stage_many(connection, name, [payload], after=after)


async def stage_many(
    connection: Connection,
    name: str,
    payloads: list[dict[str, Any]],
    *,
    after: timedelta | None = None,
    once: list[str] | None = None,
) -> None:
    """Queue jobs of one kind in the running transaction, with one statement.

    With `once`, a key for each: a job is left out while another of its key is waiting or at work.
    """
    if not payloads:
        return
    # The driver only fetches and executes; a pool's proxy does that as a connection does.
    queries = Queries(AsyncpgDriver(cast("asyncpg.Connection", connection)))
    await queries.enqueue(
        [name] * len(payloads),
        [orjson.dumps(payload) for payload in payloads],
        [0] * len(payloads),
        [after or timedelta(0)] * len(payloads),
        list(once) if once is not None else None,
        on_conflict="skip",
    )
