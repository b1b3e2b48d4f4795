"""What has to happen because time passed."""

import asyncio
from datetime import timedelta

import orjson

from inventory.carts import CartIndex
from kit.ids import new_id, sibling
from orders.sweeps import CLAIM_PATIENCE
from tests.orders.shop import Shop, buyer

PATIENCE_SECONDS = 5.0


async def hold_briefly(shop: Shop, deal_id: str, user_id: str, *, lasts: timedelta) -> None:
    """A hold as a cart makes it, only shorter."""
    index = CartIndex(shop.resources.redis)
    await index.note(user_id, deal_id, key=None, fingerprint="", keep_for=timedelta(hours=1))
    await shop.resources.stock.set_hold(
        deal_id,
        user_id,
        2,
        mode="add",
        epoch=(await shop.stock(deal_id)).epoch,
        operation_id=new_id("req"),
        hold_for=lasts,
    )


async def test_a_hold_that_is_due_goes_back_to_the_stock(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await hold_briefly(shop, deal_id, user_id, lasts=timedelta(milliseconds=200))
    assert [line.units for line in (await shop.resources.carts.read(user_id)).lines] == [2]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await shop.counters(deal_id) != (10, 0, 0):
            await shop.resources.sweeps.lapse_holds()
    assert (await shop.resources.carts.read(user_id)).lines == []
    await shop.prove(deal_id)


async def test_a_buyer_is_told_once_that_a_hold_is_about_to_lapse(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await hold_briefly(shop, deal_id, user_id, lasts=timedelta(seconds=30))
    for _ in range(3):
        await shop.resources.sweeps.notice_holds()
    notices = await shop.resources.pool.fetch(
        "SELECT payload FROM pgqueuer WHERE entrypoint = 'send_mail'"
    )
    mine = [orjson.loads(row["payload"]) for row in notices]
    mine = [notice for notice in mine if notice["user_id"] == user_id]
    assert len(mine) == 1
    assert (mine[0]["notice"]["title"], mine[0]["notice"]["quantity"]) == ("Tea, by the tin", 2)


async def test_a_hold_that_lasts_is_not_noticed_yet(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    await shop.resources.sweeps.notice_holds()
    told = await shop.resources.pool.fetchval(
        "SELECT count(*) FROM notifications WHERE user_id = $1", user_id
    )
    assert told == 0


async def test_payments_of_which_nothing_was_heard_are_asked_about(shop: Shop) -> None:
    """The webhook was lost: the poller finds the payment."""
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.pay(order)
    # Of the orders of all other tests something was heard just now.
    await shop.resources.pool.execute(
        "UPDATE orders SET checked_at = now() - CASE id WHEN $1 THEN interval '1 hour'"
        " ELSE interval '0' END",
        order.id,
    )
    assert await shop.resources.sweeps.poll_payments() == 1
    assert await shop.resources.sweeps.poll_payments() == 0
    await shop.work()
    assert (await shop.read(user_id, order.id)).status == "PAID"


async def test_an_intent_that_the_api_could_not_open_is_opened_by_the_job(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.pool.execute("DELETE FROM payments WHERE order_id = $1", order.id)
    assert (await shop.read(user_id, order.id)).payment.status == "OPENING"
    await shop.work()
    opened = await shop.read(user_id, order.id)
    assert opened.payment.intent_id == order.payment.intent_id


async def test_lost_gates_are_opened_without_a_buyer(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await shop.order(user_id, deal_id)
    await shop.resources.redis.flushall()
    assert (await shop.resources.stock.read([deal_id]))[deal_id] is None
    assert await shop.resources.sweeps.open_gates() >= 1
    assert await shop.counters(deal_id) == (9, 1, 0)
    await shop.prove(deal_id)


async def test_a_young_claim_is_left_alone(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    await shop.resources.stock.claim_hold(
        deal_id,
        user_id,
        epoch=(await shop.stock(deal_id)).epoch,
        order_id=sibling("ord", checkout.id),
        checkout_id=checkout.id,
        units=1,
    )
    assert timedelta(seconds=10) < CLAIM_PATIENCE
    await shop.resources.sweeps.release_stale_claims()
    await shop.work()
    order = await shop.read(user_id, await shop.place(checkout))
    assert order.status == "PENDING_PAYMENT"


async def test_messages_to_the_gate_may_come_twice_and_in_any_order(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id, quantity=2)
    await shop.pay(order)
    await shop.resources.settlement.settle(user_id, order.id)
    epoch = (await shop.stock(deal_id)).epoch
    message = {
        "deal_id": deal_id,
        "order_id": order.id,
        "user_id": user_id,
        "units": 2,
        "epoch": epoch,
    }
    for rank in (2, 1, 2, 1):
        await shop.resources.handlers.gate_message(message | {"rank": rank})
    await shop.work()
    assert await shop.counters(deal_id) == (8, 0, 2)
    await shop.prove(deal_id)


async def test_a_message_of_an_older_epoch_is_counted_in_the_rebuild(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.pay(order)
    await shop.resources.settlement.settle(user_id, order.id)
    await shop.resources.redis.flushall()
    await shop.resources.sweeps.open_gates()
    assert await shop.counters(deal_id) == (9, 0, 1)
    await shop.work()
    assert await shop.counters(deal_id) == (9, 0, 1)
    await shop.prove(deal_id)
