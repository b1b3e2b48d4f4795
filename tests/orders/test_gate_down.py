"""While Redis is down altogether, frozen checkouts still become orders, and nothing is oversold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from inventory.carts import CartIndex
from inventory.stock import Stock
from kit.redis_client import open_redis
from orders import gate_watch, reconciliation
from orders.claiming import Claiming
from orders.drafts import GateMoved, Placed
from orders.errors import (
    DealNotLive,
    GateOutOfReach,
    HoldLapsed,
    PurchaseLimitReached,
    SoldOut,
    TryLater,
)
from orders.gatekeeper import Gatekeeper
from orders.intents import Intents
from orders.opening import Opening
from orders.outage import Outage
from orders.placing import Placing
from orders.writer import OrderWriter
from tests.orders.shop import Shop, buyer
from tests.orders.test_writer import draft, place

# Port 1 answers nobody: every connection is refused, as after a kill.
AWAY = "redis://127.0.0.1:1/0"


@asynccontextmanager
async def cut_off(shop: Shop, *, orders_per_second: float = 1_000) -> AsyncIterator[Shop]:
    """The shop with a placeOrder as a process does it that cannot reach Redis at all."""
    resources = shop.resources
    async with AsyncExitStack() as stack:
        redis = open_redis(AWAY, connections=4)
        stack.push_async_callback(redis.aclose)
        stock = Stock(redis, longest_hold=timedelta(hours=1))
        outage = Outage(stock, orders_per_second=orders_per_second)
        writer = await stack.enter_async_context(OrderWriter(resources.pool))
        placing = Placing(
            index=CartIndex(redis),
            claiming=Claiming(
                stock=stock,
                gatekeeper=Gatekeeper(
                    stock=stock,
                    pool=resources.pool,
                    dealbook=resources.dealbook,
                    announcer=resources.announcer,
                    sold_out=resources.sold_out,
                ),
                outage=outage,
                abandonment=resources.abandonment,
                dealbook=resources.dealbook,
                clock=resources.clock,
            ),
            outage=outage,
            writer=writer,
            abandonment=resources.abandonment,
            opening=Opening(
                intents=Intents(pool=resources.pool, gateway=resources.gateway),
                gateway=resources.gateway,
            ),
            dealbook=resources.dealbook,
            pool=resources.pool,
            announcer=resources.announcer,
            clock=resources.clock,
            settings=resources.settings,
        )
        yield Shop(replace(resources, placing=placing))


async def counted_anew(shop: Shop, deal_id: str) -> None:
    """Redis is back, and somebody comes to the gate."""
    await shop.resources.gatekeeper.ensure_open(deal_id)


async def test_a_frozen_checkout_is_placed_and_counted_once_redis_is_back(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=3), buyer()
    checkout = await shop.checkout(user_id, deal_id, quantity=2)
    before = (await shop.stock(deal_id)).epoch
    async with cut_off(shop) as dark:
        order = await dark.read(user_id, await dark.place(checkout))
    assert (order.status, [line.quantity for line in order.lines]) == ("PENDING_PAYMENT", [2])
    assert await shop.rows(deal_id) == (3, 2, 0)
    await counted_anew(shop, deal_id)
    stock = await shop.stock(deal_id)
    assert (stock.available, stock.held, stock.sold) == (1, 2, 0)
    assert stock.epoch > before
    assert (await shop.resources.carts.read(user_id)).lines == []
    await shop.pay(order)
    await shop.work()
    await shop.resources.settlement.settle(user_id, order.id)
    await shop.work()
    assert await shop.counters(deal_id) == (1, 0, 2)
    await shop.prove(deal_id)


async def test_the_message_of_such_an_order_has_the_gate_counted_anew(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=3), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    async with cut_off(shop) as dark:
        await dark.place(checkout)
    # The gate was there all the time and still has the hold: nobody told it.
    assert await shop.counters(deal_id) == (2, 1, 0)
    with pytest.raises(TryLater):
        await shop.work()
    assert await shop.counters(deal_id) == (2, 1, 0)
    assert await shop.resources.stock.read_holds(user_id, [deal_id]) == {}


async def test_a_gate_that_was_passed_by_is_opened_without_a_buyer_and_is_no_drift(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_watch, "SECOND_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(reconciliation, "DEALS_A_PASS", 1_000)
    deal_id, user_id = await shop.deal(allotment=3), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    async with cut_off(shop) as dark:
        await dark.place(checkout)
    before = (await shop.stock(deal_id)).epoch
    await shop.resources.sweeps.open_gates()
    assert (await shop.stock(deal_id)).epoch > before
    assert await shop.counters(deal_id) == (2, 1, 0)
    await shop.resources.reconciliation.reconcile_live()
    pool = shop.resources.pool
    assert await pool.fetch("SELECT class, note FROM drift WHERE deal_id = $1", deal_id) == []
    opened = (await shop.stock(deal_id)).epoch
    await shop.resources.sweeps.open_gates()
    assert (await shop.stock(deal_id)).epoch == opened


async def test_a_repeat_finds_the_order_at_the_gate_or_past_it(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    async with cut_off(shop) as dark:
        first = await dark.place(checkout, key="same")
        assert await dark.place(checkout, key="same") == first
        assert await dark.place(checkout, key="another") == first
    assert await shop.place(checkout, key="same") == first
    assert await shop.rows(deal_id) == (10, 1, 0)


async def test_a_claim_confirmed_before_the_outage_commits_beside_the_orders_past_it(
    shop: Shop,
) -> None:
    deal_id = await shop.deal(allotment=2)
    at_gate = await draft(shop, deal_id)
    past_it = await draft(shop, deal_id, past_gate=True)
    assert await place(shop, past_it, at_gate) == [
        Placed(past_it.order_id, fresh=True),
        Placed(at_gate.order_id, fresh=True),
    ]
    late = await draft(shop, deal_id, epoch=at_gate.lines[0].epoch)
    (outcome,) = await place(shop, late)
    assert isinstance(outcome, GateMoved)
    assert await shop.rows(deal_id) == (2, 2, 0)


async def test_postgres_alone_refuses_what_is_gone_and_what_is_too_much(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=2, limit=1), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    late = await shop.checkout(buyer(), deal_id)
    async with cut_off(shop) as dark:
        await place(shop, await draft(shop, deal_id, user_id=user_id))
        with pytest.raises(PurchaseLimitReached):
            await dark.place(checkout)
        await place(shop, await draft(shop, deal_id))
        with pytest.raises(SoldOut):
            await dark.place(late)
    assert await shop.rows(deal_id) == (2, 2, 0)


async def test_a_paused_deal_takes_no_order_past_the_gate(shop: Shop) -> None:
    deal_id = await shop.deal()
    checkout = await shop.checkout(buyer(), deal_id)
    await shop.resources.dealdesk.pause(deal_id)
    async with cut_off(shop) as dark:
        with pytest.raises(DealNotLive):
            await dark.place(checkout)
    assert await shop.rows(deal_id) == (10, 0, 0)


async def test_a_checkout_that_is_over_stays_over(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    await shop.resources.carts.change(user_id, deal_id=deal_id, quantity=2)
    async with cut_off(shop) as dark:
        with pytest.raises(HoldLapsed):
            await dark.place(checkout)
    assert await shop.rows(deal_id) == (10, 0, 0)


async def test_orders_pass_the_gate_by_at_a_bounded_rate(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    checkouts = [await shop.checkout(buyer(), deal_id) for _ in range(5)]
    async with cut_off(shop, orders_per_second=2) as dark:
        outcomes = await asyncio.gather(
            *(dark.place(checkout) for checkout in checkouts), return_exceptions=True
        )
    refused = [outcome for outcome in outcomes if isinstance(outcome, TryLater)]
    placed = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(placed) + len(refused) == len(checkouts)
    assert 1 <= len(placed) < len(checkouts)
    assert await shop.rows(deal_id) == (5, len(placed), 0)


async def test_a_redis_that_answers_is_never_passed_by(shop: Shop) -> None:
    outage = Outage(shop.resources.stock, orders_per_second=1_000)
    with pytest.raises(GateOutOfReach):
        await outage.take_turn()
    assert not outage.under_way
