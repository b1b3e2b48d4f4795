"""What is true after every step, and what is true once everything has settled."""

from collections import defaultdict

from inventory.answers import Counters
from inventory.keys import DealKeys
from orders.proof import prove_deals
from tests.machine.world import World

# Orders in these are on their way to something else.
IN_TRANSIT = ("PENDING_PAYMENT", "CANCELLING", "EXPIRING", "REFUND_PENDING")


async def check_gates(world: World, last: dict[str, Counters]) -> None:
    """An open gate adds up, never goes back, and says nothing new under an old version."""
    for deal_id, counters in (await world.counters()).items():
        if counters is None:
            continue
        assert counters.allotment == counters.available + counters.held + counters.committed
        assert min(counters.available, counters.held, counters.committed) >= 0
        if counters.epoch == await world.epoch(deal_id):  # nobody uses a gate of an older one
            before = last.get(deal_id, counters)
            assert counters.order >= before.order, (before, counters)
            if counters.order == before.order:
                assert _units(counters) == _units(before)
            last[deal_id] = counters
        keys = DealKeys(deal_id)
        holds = (await world.memory.packed(keys.holds)).values()
        claims = (await world.memory.packed(keys.claims)).values()
        claimed = [claim for claim in claims if "|CLAIMED|" in claim]
        assert counters.held == sum(int(one.split("|")[0]) for one in (*holds, *claimed))


async def check_records(world: World) -> None:
    """Postgres is never oversold, and nobody has more than the limit."""
    rows = await world.pool.fetch(
        "SELECT s.*, (SELECT coalesce(sum(l.quantity), 0) FROM order_lines l"
        "  JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id"
        "  WHERE l.deal_id = s.deal_id AND o.owns_units) AS owned"
        " FROM deal_stock s WHERE s.deal_id = ANY ($1)",
        world.deals,
    )
    for row in rows:
        assert 0 <= row["sold"] <= row["claimed"] <= row["allotment"]
        assert row["claimed"] == row["owned"]
    most = await world.pool.fetchval(
        "SELECT coalesce(max(units), 0) FROM deal_buyers WHERE deal_id = ANY ($1)", world.deals
    )
    assert most <= world.limit
    there = {row["id"] for row in await world.orders() if row["status"] != "ABANDONED"}
    assert set(world.answered) <= there, "an order that was answered is gone"


async def check_settled(world: World) -> None:
    """The ledger is proven, the stores agree, no unit is stranded and no money is astray."""
    for deal_id in world.deals:
        proofs = [proof async for proof in prove_deals(world.pool, deal_id)]
        assert [proof.problems for proof in proofs] == [()]
        await _check_gate_against_postgres(world, deal_id)
    await _check_money(world)


async def _check_gate_against_postgres(world: World, deal_id: str) -> None:
    allotment, claimed, sold = await world.shop.rows(deal_id)
    counters = (await world.counters())[deal_id]
    assert counters is not None
    assert _units(counters) == (allotment, allotment - claimed, claimed - sold, sold)
    keys = DealKeys(deal_id)
    bought = {
        buyer: int(units) for buyer, units in (await world.memory.packed(keys.bought)).items()
    }
    rows = await world.pool.fetch(
        "SELECT user_id, units FROM deal_buyers WHERE deal_id = $1 AND units > 0", deal_id
    )
    assert bought == {row["user_id"]: row["units"] for row in rows}
    assert await world.resources.redis.zcard(keys.unconfirmed) == 0
    owned = {row["id"]: row["rank"] for row in await world.orders() if row["owns_units"]}
    counted = {
        order: int(claim.split("|")[1])
        for order, claim in (await world.memory.packed(keys.claims)).items()
        if "|FREED|" not in claim
    }
    lines = await world.pool.fetch("SELECT order_id FROM order_lines WHERE deal_id = $1", deal_id)
    here = {line["order_id"] for line in lines}
    assert counted == {order: rank for order, rank in owned.items() if order in here}


async def _check_money(world: World) -> None:
    """Who has paid has an order, once; who has none has the money back."""
    kept: defaultdict[str, list[int]] = defaultdict(list)
    for intent in (await world.books())["intents"]:
        if intent["metadata"].get("user_id") in world.buyers:
            left = intent["amount_received"] - intent["amount_refunded"]
            assert left >= 0
            if left:
                kept[intent["metadata"]["order_id"]].append(left)
    orders = {row["id"]: row for row in await world.orders()}
    for order_id, row in orders.items():
        paid = row["status"] == "PAID"
        assert kept.pop(order_id, []) == ([row["total_minor"]] if paid else []), row["status"]
        assert row["owns_units"] == paid
        assert row["status"] not in IN_TRANSIT
    assert not kept, "money without an order"


def _units(counters: Counters) -> tuple[int, int, int, int]:
    return counters.allotment, counters.available, counters.held, counters.committed
