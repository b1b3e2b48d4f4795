"""What a safeguard prevents even where the product mends it later: looked for beside I1 to I14."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg

from kit.clock import from_ms
from tests.faults.provider import Provider
from tests.faults.scenario import Run

Suspicion = Callable[[Run], Awaitable[list[str]]]

# The provider tells times in whole seconds.
_EXACT_TO = timedelta(seconds=1)


async def drift_was_found(run: Run) -> list[str]:
    """Reconciliation has found a gate that was wrong; one that is lost is none, and no wonder."""
    rows = await _rows(
        run,
        "SELECT class, deal_id, units, note FROM drift"
        " WHERE class IN ('LOST_HOLD', 'PHANTOM_STOCK', 'COUNTER_DRIFT')"
        " AND note NOT LIKE '%has no gate in Redis%' ORDER BY found_at",
    )
    return [f"DRIFT: {row['class']} {row['units']} {row['deal_id']}: {row['note']}" for row in rows]


async def gate_forgot_claims(run: Run) -> list[str]:
    """A gate that was rebuilt from Postgres did not count an order that Postgres had."""
    told = sum(one.log.read_text().count("gate_forgot_claim") for one in run.stack.workers)
    return [f"FORGOTTEN: a gate did not know {told} orders"] if told else []


async def sold_out_with_frozen_units(run: Run) -> list[str]:
    """Somebody with frozen units was told that they are sold."""
    return [
        f"SOLD_OUT: {operation.who} had frozen units (operation {operation.number})"
        for operation in run.history.of("place")
        if operation.told.get("code") == "SOLD_OUT"
    ]


async def freed_before_cancelled(run: Run) -> list[str]:
    """The units of an order were free while its intent could still move money."""
    rows = await _rows(
        run,
        "SELECT unnest(order_ids) AS order_id, min(at) AS at FROM stock_ledger"
        " WHERE reason = 'FREED' GROUP BY 1",
    )
    freed = {row["order_id"]: row["at"] for row in rows}
    async with Provider(run.stack.where) as provider:
        intents = (await provider.books())["intents"]
    lines: list[str] = []
    for intent in intents:
        order_id, ended = intent["metadata"].get("order_id"), intent["canceled_at"]
        at = freed.get(order_id)
        # One that was opened later is late money.
        if at is None or from_ms(intent["created"] * 1000) > at:
            continue
        if ended is None or from_ms(ended * 1000) > at + _EXACT_TO:
            lines.append(f"FREED: {order_id} before its intent was {intent['status']}")
    return lines


async def _rows(run: Run, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(run.stack.where.database_url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()
