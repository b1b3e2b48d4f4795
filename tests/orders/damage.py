"""What can be wrong between the stores, made by hand, and how a test asks about it."""

from collections.abc import Sequence
from datetime import timedelta

from inventory.keys import DealKeys
from kit.ids import sibling
from orders.archive import OrderView
from orders.drift import Drift
from orders.gate_watch import GateWatch
from orders.reconciliation import Finding
from tests.orders.shop import ACTOR, Shop, buyer

Told = list[tuple[str, int, bool]]


async def reconcile(shop: Shop, deal_id: str, *, mend: bool = True) -> Sequence[Finding]:
    report = await shop.resources.reconciliation.reconcile(
        since=shop.resources.clock.now() + timedelta(days=1),  # of intents: none
        deal_id=deal_id,
        mend=mend,
    )
    assert not report.provider_away
    return report.findings


async def first_look(shop: Shop, deal_id: str) -> Sequence[Drift]:
    """What a single look finds, before any second one."""
    resources = shop.resources
    watch = GateWatch(
        pool=resources.pool,
        stock=resources.stock,
        gatekeeper=resources.gatekeeper,
        abandonment=resources.abandonment,
        driftbook=resources.driftbook,
        clock=resources.clock,
    )
    look = await watch.look(deal_id, most=1_000)
    assert look is not None
    return look.drifts


def told(findings: Sequence[Finding]) -> Told:
    return [(found.drift.kind.value, found.drift.units, found.mended) for found in findings]


async def hset(shop: Shop, deal_id: str, key: str, field: str, value: str | int) -> None:
    """Damage a gate by hand."""
    await shop.resources.redis.hset(getattr(DealKeys(deal_id), key), field, str(value))


async def open_drift(shop: Shop, deal_id: str) -> int:
    count: int = await shop.resources.pool.fetchval(
        "SELECT count(*) FROM drift WHERE deal_id = $1 AND repaired_at IS NULL", deal_id
    )
    return count


async def reconciled(shop: Shop, deal_id: str) -> list[tuple[str, int]]:
    """The entries of the deal's ledger that reconciliation wrote."""
    rows = await shop.resources.pool.fetch(
        "SELECT note, units FROM stock_ledger WHERE deal_id = $1 AND reason = 'RECONCILED'"
        " ORDER BY seq",
        deal_id,
    )
    return [(row["note"], row["units"]) for row in rows]


async def paid(shop: Shop, deal_id: str, *, quantity: int = 1) -> str:
    order = await shop.order(buyer(), deal_id, quantity=quantity)
    await shop.pay(order)
    await shop.resources.settlement.settle(order.user_id, order.id)
    await shop.work()
    return order.id


async def cancel(shop: Shop, order: OrderView) -> None:
    """Cancel an order and wait until that is done, however slow the provider is."""
    settlement = shop.resources.settlement
    await settlement.begin_cancelling(order.user_id, order.id)
    await settlement.settle(order.user_id, order.id)
    assert (await shop.read(order.user_id, order.id)).status == "CANCELLED"


async def healthy(shop: Shop) -> str:
    """A deal with holds, a claim, sales, a cancelled order, more and fewer units, a pause."""
    deal_id = await shop.deal(allotment=20)
    await paid(shop, deal_id, quantity=2)
    await shop.order(buyer(), deal_id)
    cancelled = await shop.order(buyer(), deal_id)
    await cancel(shop, cancelled)
    await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=2, key=None)
    await shop.checkout(buyer(), deal_id)
    await shop.resources.restocking.adjust_stock(deal_id, 3, reason="found", actor=ACTOR)
    await shop.resources.restocking.adjust_stock(deal_id, -1, reason="broke", actor=ACTOR)
    await shop.work()
    return deal_id


async def lose_claim(shop: Shop, deal_id: str) -> None:
    """A server came back with a memory from before the order, under the same epoch."""
    order = await shop.order(buyer(), deal_id, quantity=2)
    await shop.work()
    keys = DealKeys(deal_id)
    await shop.resources.redis.hdel(keys.claims, order.id)
    await shop.resources.redis.hdel(keys.bought, order.user_id)
    await shop.resources.redis.hincrby(keys.stock, "held", -2)
    await shop.resources.redis.hincrby(keys.stock, "available", 2)


async def keep_freed_claim(shop: Shop, deal_id: str) -> None:
    """The message that frees an order was applied, and then the server forgot that."""
    order = await shop.order(buyer(), deal_id, quantity=2)
    claim = await shop.resources.redis.hget(DealKeys(deal_id).claims, order.id)
    await cancel(shop, order)
    await shop.work()
    keys = DealKeys(deal_id)
    await shop.resources.redis.hset(keys.claims, order.id, claim)
    await shop.resources.redis.hset(keys.bought, order.user_id, 2)
    await shop.resources.redis.hincrby(keys.stock, "held", 2)
    await shop.resources.redis.hincrby(keys.stock, "available", -2)


async def offer_too_much(shop: Shop, deal_id: str) -> None:
    keys = DealKeys(deal_id)
    await shop.resources.redis.hincrby(keys.stock, "allotment", 2)
    await shop.resources.redis.hincrby(keys.stock, "available", 2)


async def offer_too_little(shop: Shop, deal_id: str) -> None:
    keys = DealKeys(deal_id)
    await shop.resources.redis.hincrby(keys.stock, "allotment", -2)
    await shop.resources.redis.hincrby(keys.stock, "available", -2)


async def lose_a_sale(shop: Shop, deal_id: str) -> None:
    order_id = await paid(shop, deal_id, quantity=2)
    claim = await shop.resources.redis.hget(DealKeys(deal_id).claims, order_id)
    assert claim is not None
    await hset(shop, deal_id, "claims", order_id, str(claim).replace("|2|SOLD|", "|1|CLAIMED|"))
    await shop.resources.redis.hincrby(DealKeys(deal_id).stock, "committed", -2)
    await shop.resources.redis.hincrby(DealKeys(deal_id).stock, "held", 2)


async def miscount_held(shop: Shop, deal_id: str) -> None:
    await shop.resources.redis.hincrby(DealKeys(deal_id).stock, "held", 2)
    await shop.resources.redis.hincrby(DealKeys(deal_id).stock, "available", -2)


async def miscount_a_buyer(shop: Shop, deal_id: str) -> None:
    await shop.order(user_id := buyer(), deal_id)
    await shop.work()
    await hset(shop, deal_id, "bought", user_id, 3)


async def change_the_limit(shop: Shop, deal_id: str) -> None:
    await hset(shop, deal_id, "stock", "limit", 99)


async def forget_a_deadline(shop: Shop, deal_id: str) -> None:
    await shop.resources.carts.add(user_id := buyer(), deal_id=deal_id, quantity=1, key=None)
    await shop.resources.redis.zrem(DealKeys(deal_id).due, user_id)


async def run_ahead(shop: Shop, deal_id: str) -> None:
    """Postgres was restored: its epoch is older than the gate's."""
    await shop.resources.pool.execute("UPDATE deals SET epoch = epoch - 1 WHERE id = $1", deal_id)


async def lose_the_gate(shop: Shop, deal_id: str) -> None:
    await shop.resources.redis.delete(*DealKeys(deal_id).all)


async def claim_without_order(shop: Shop, deal_id: str) -> tuple[str, str]:
    """A process died between the claim and its transaction; the buyer's id and the order's."""
    checkout = await shop.checkout(user_id := buyer(), deal_id, quantity=2)
    await shop.resources.stock.claim_hold(
        deal_id,
        user_id,
        epoch=(await shop.stock(deal_id)).epoch,
        order_id=sibling("ord", checkout.id),
        checkout_id=checkout.id,
        units=2,
    )
    return user_id, sibling("ord", checkout.id)
