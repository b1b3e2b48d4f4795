"""What is true after every step, and what is true once everything has settled."""

from collections import defaultdict
from datetime import timedelta

from inventory.keys import DealKeys
from orders.proof import prove_deals
from tests.machine.memory import Gate
from tests.machine.world import World

# Orders in these are on their way to something else.
IN_TRANSIT = ("PENDING_PAYMENT", "CANCELLING", "EXPIRING", "REFUND_PENDING")
_STEP = (
    "SELECT s.deal_id, s.allotment, s.claimed, s.sold, d.epoch,"
    " (SELECT coalesce(sum(l.quantity), 0) FROM order_lines l"
    "   JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id"
    "   WHERE l.deal_id = s.deal_id AND o.owns_units) AS owned,"
    " (SELECT coalesce(max(b.units), 0) FROM deal_buyers b WHERE b.deal_id = s.deal_id) AS most,"
    " (SELECT count(*) FROM unnest($2::text[]) AS a (id) WHERE NOT EXISTS"
    "   (SELECT FROM orders o WHERE o.id = a.id AND o.status <> 'ABANDONED')) AS gone"
    " FROM deal_stock s JOIN deals d ON d.id = s.deal_id WHERE s.deal_id = ANY ($1)"
)


async def check_step(world: World, last: dict[str, Gate]) -> None:
    """What is true after every step, whatever went wrong in it."""
    rows = await world.pool.fetch(_STEP, world.deals, list(world.answered))
    gates = await world.memory.gates()
    for row in rows:
        assert 0 <= row["sold"] <= row["claimed"] <= row["allotment"], "oversold"
        assert row["claimed"] == row["owned"]
        assert row["most"] <= world.limit, "over the limit"
        assert row["gone"] == 0, "an order that was answered is gone"
        gate = gates[row["deal_id"]]
        if gate is not None:
            _check_gate(gate)
            if gate.epoch == row["epoch"]:  # nobody uses a gate of an older one
                _compare(last.get(row["deal_id"], gate), gate)
                last[row["deal_id"]] = gate


def _check_gate(gate: Gate) -> None:
    """An open gate adds up, and so do the holds and claims that it counts."""
    assert gate.allotment == gate.available + gate.held + gate.committed
    assert min(gate.available, gate.held, gate.committed) >= 0
    assert gate.held == gate.holds + gate.claims


def _compare(before: Gate, after: Gate) -> None:
    """A gate never goes back, and says nothing new under an old version."""
    assert (after.epoch, after.version) >= (before.epoch, before.version), "a gate went back"
    if (after.epoch, after.version) == (before.epoch, before.version):
        assert after.counters == before.counters, "a change without a version"


async def check_settled(world: World) -> None:
    """The ledger is proven, the stores agree, no unit is stranded and no money is astray."""
    for deal_id in world.deals:
        proofs = [proof async for proof in prove_deals(world.pool, deal_id)]
        assert [proof.problems for proof in proofs] == [()]
        await _check_gate_against_postgres(world, deal_id)
    await _check_money(world)
    await _check_reconciliation(world)


async def _check_reconciliation(world: World) -> None:
    """Where nothing is wrong, nothing is found."""
    since = world.resources.clock.now() - timedelta(minutes=10)
    for deal_id in world.deals:
        report = await world.resources.reconciliation.reconcile(
            since=since, deal_id=deal_id, mend=False
        )
        assert list(report.findings) == []


async def _check_gate_against_postgres(world: World, deal_id: str) -> None:
    allotment, claimed, sold = await world.shop.rows(deal_id)
    gate = (await world.memory.gates())[deal_id]
    assert gate is not None
    assert gate.counters == (allotment, allotment - claimed, claimed - sold, sold)
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
