"""Orders that have ended and are paid all the same, and what a test looks at then."""

from collections.abc import Sequence

from orders import jobs
from orders.archive import OrderView
from orders.settlement import Settlement
from tests.orders.provider import Provider, forget_intents, settlement_with
from tests.orders.shop import Shop, buyer

Row = tuple[str, int, bool, str | None]


async def cancelled(shop: Shop, user_id: str, *deal_ids: str, quantity: int = 1) -> OrderView:
    """An order that its buyer gave back: its units are free, in Postgres and at the gates."""
    order = await shop.order(user_id, *deal_ids, quantity=quantity)
    await shop.resources.cancelling.cancel(user_id, order.id)
    await shop.work()
    await forget_intents(shop, order.id)
    return await shop.read(user_id, order.id)


def pays_late(shop: Shop, order: OrderView) -> Settlement:
    """The provider took money for the order all the same."""
    provider = Provider(
        order.id, statuses={"pi_1": "SUCCEEDED"}, paid_minor=order.total.amount_minor
    )
    return settlement_with(shop, provider)


async def row(shop: Shop, order: OrderView) -> Row:
    found = await shop.resources.pool.fetchrow(
        "SELECT status, rank, owns_units, paid_by FROM orders WHERE id = $1", order.id
    )
    assert found is not None
    return (found["status"], found["rank"], found["owns_units"], found["paid_by"])


async def bought(shop: Shop, user_id: str, deal_id: str) -> int:
    units = await shop.resources.pool.fetchval(
        "SELECT units FROM deal_buyers WHERE user_id = $1 AND deal_id = $2", user_id, deal_id
    )
    return units or 0


async def ledger(shop: Shop, deal_id: str) -> list[tuple[str, int]]:
    rows = await shop.resources.pool.fetch(
        "SELECT reason, units FROM stock_ledger WHERE deal_id = $1 ORDER BY seq", deal_id
    )
    return [(entry["reason"], entry["units"]) for entry in rows]


async def staged(shop: Shop, name: str, order_id: str) -> int:
    rows = await shop.resources.pool.fetch(
        "SELECT payload FROM pgqueuer WHERE entrypoint = $1", name
    )
    return sum(order_id.encode() in job["payload"] for job in rows)


async def tell_gates(shop: Shop) -> None:
    """Apply what waits for the gates; a refund is for the real provider, which knows of none."""
    await shop.resources.pool.execute("DELETE FROM pgqueuer WHERE entrypoint = $1", jobs.REFUND)
    await shop.work()


async def take_away(shop: Shop, deal_ids: Sequence[str], units: int = 2) -> str:
    """Another buyer holds these units."""
    other = buyer()
    for deal_id in deal_ids:
        await shop.resources.carts.add(other, deal_id=deal_id, quantity=units, key=None)
    return other
