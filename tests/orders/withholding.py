"""What the tests of safety stock read of a deal."""

from tests.orders.shop import Shop

Entries = list[tuple[str, int, str]]


async def entries(shop: Shop, deal_id: str) -> Entries:
    rows = await shop.resources.pool.fetch(
        "SELECT reason, units, actor FROM stock_ledger WHERE deal_id = $1 ORDER BY seq", deal_id
    )
    return [(row["reason"], row["units"], row["actor"]) for row in rows]


async def withheld(shop: Shop, deal_id: str) -> int:
    units: int = await shop.resources.pool.fetchval(
        "SELECT safety_stock FROM deal_stock WHERE deal_id = $1", deal_id
    )
    return units
