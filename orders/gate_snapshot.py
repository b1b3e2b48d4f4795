"""What Postgres knows of a deal, for a rebuild of its gate."""

import asyncpg

from inventory.stock import GateSnapshot
from kit.clock import to_ms
from orders.drafts import CLAIMED
from orders.offer import limit_at_gate
from orders.statements import sql


async def read_snapshot(
    connection: asyncpg.pool.PoolConnectionProxy, deal_id: str, run_id: str
) -> GateSnapshot | None:
    """All that Postgres knows of a deal, in one snapshot."""
    deal = await connection.fetchrow(sql("gate_deal"), deal_id)
    if deal is None:
        return None
    orders = await connection.fetch(sql("gate_orders"), deal_id, None)
    buyers = await connection.fetch(
        "SELECT user_id, units FROM deal_buyers WHERE deal_id = $1 AND units > 0", deal_id
    )
    return GateSnapshot(
        deal_id=deal_id,
        epoch=deal["epoch"],
        revision=deal["revision"],
        allotment=deal["allotment"],
        sold=deal["sold"],
        opens_ms=to_ms(deal["starts_at"]),
        closes_ms=to_ms(deal["ends_at"]),
        limit=limit_at_gate(deal["purchase_limit"], deal["price_minor"]),
        paused=deal["paused_at"] is not None,
        claims=[
            (row["order_id"], row["user_id"], row["quantity"], row["rank"])
            for row in orders
            if row["owns_units"] and row["rank"] == CLAIMED
        ],
        ranks={
            row["order_id"]: row["rank"]
            for row in orders
            if not (row["owns_units"] and row["rank"] == CLAIMED)
        },
        bought={row["user_id"]: row["units"] for row in buyers},
        run_id=run_id,
        ledger_seq=deal["ledger_seq"],
    )
