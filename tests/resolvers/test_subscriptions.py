"""Subscriptions through the schema: the present first, then what changes."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from graphql import GraphQLError

from graph.errors import present_errors
from kit.ids import new_id
from kit.money import Money
from orders.errors import TryLater
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker
from tests.resolvers.test_orders import checkout, place


async def refusal(asker: Asker, name: str, **variables: Any) -> str:
    """The code with which a subscription ends before it has told anything."""
    async with asker.subscribe(name, **variables) as stream:
        try:
            result = await anext(stream.results)
            errors = result.errors
        except Exception as cause:  # noqa: BLE001 - whatever it is, the edge presents it
            errors = [GraphQLError("", original_error=cause)]
    (error,) = present_errors(errors, request_id="req")
    code: str = error["extensions"]["code"]
    return code


async def test_stock_is_told_now_and_with_every_hold(
    anybody: Asker, alice: Asker, shop: Shop
) -> None:
    deal_ids = [await shop.deal(allotment=5), await shop.deal(allotment=6)]
    wanted = [*deal_ids, deal_ids[0], new_id("deal"), "deal_\0", "x" * 5_000]
    async with anybody.subscribe("StockChanged", dealIds=wanted) as stream:
        firsts = [await stream.next(), await stream.next()]
        assert {stock["dealId"]: stock["available"] for stock in firsts} == {
            deal_ids[0]: 5,
            deal_ids[1]: 6,
        }
        await alice.run("AddToCart", input={"dealId": deal_ids[1], "quantity": 2})
        changed = await stream.next()
    assert (changed["dealId"], changed["available"], changed["held"]) == (deal_ids[1], 4, 2)
    before = next(stock for stock in firsts if stock["dealId"] == deal_ids[1])
    assert (changed["epoch"], changed["version"]) > (before["epoch"], before["version"])


async def test_selling_out_and_coming_back_are_told(
    anybody: Asker, alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=1)
    async with anybody.subscribe("StockChanged", dealIds=[deal_id]) as stream:
        assert (await stream.next())["level"] == "LOW"
        await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 1})
        assert (await stream.next())["level"] == "SOLD_OUT"
        await alice.run("RemoveFromCart", input={"dealId": deal_id})
        assert (await stream.next())["level"] == "LOW"


@pytest.mark.parametrize(
    ("deal_ids", "code"),
    [
        ([], "BAD_USER_INPUT"),
        (["deal_"] * 101, "BAD_USER_INPUT"),
        ([new_id("deal"), "nothing"], "NOT_FOUND"),
    ],
)
async def test_stock_of_nothing_is_refused(anybody: Asker, deal_ids: list[str], code: str) -> None:
    assert await refusal(anybody, "StockChanged", dealIds=deal_ids) == code


async def test_a_countdown_tells_each_phase_at_its_moment(anybody: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(starts_in=0.5, ends_in=1.2)
    async with anybody.subscribe("Countdown", dealId=deal_id) as stream:
        told = [await stream.next() for _ in range(3)]
    assert [each["phase"] for each in told] == ["SCHEDULED", "LIVE", "ENDED"]
    assert [each["secondsRemaining"] for each in told] == [1, 1, 0]
    assert told[1]["serverTime"] >= told[1]["startsAt"]
    assert told[2]["serverTime"] >= told[2]["endsAt"]


async def test_a_countdown_tells_a_pause_and_new_times_at_once(anybody: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(ends_in=3_600)
    desk = shop.resources.dealdesk
    async with asyncio.timeout(4), anybody.subscribe("Countdown", dealId=deal_id) as stream:
        first = await stream.next()
        assert (first["phase"], first["dealId"]) == ("LIVE", deal_id)
        assert 3_590 <= first["secondsRemaining"] <= 3_600
        await desk.pause(deal_id)
        assert (await stream.next())["phase"] == "PAUSED"
        await desk.resume(deal_id)
        assert (await stream.next())["phase"] == "LIVE"
        await desk.end(deal_id)
        assert (await stream.next())["phase"] == "ENDED"


async def test_a_countdown_beats_while_nothing_happens(
    anybody: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.countdown.BEAT_SECONDS", 0.05)
    async with anybody.subscribe("Countdown", dealId=await shop.deal()) as stream:
        told = [await stream.next() for _ in range(4)]
    times = [each["serverTime"] for each in told]
    assert times == sorted(set(times))


async def test_a_countdown_goes_on_while_postgres_is_away(
    anybody: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.countdown.BEAT_SECONDS", 0.05)
    deal_id = await shop.deal()
    async with anybody.subscribe("Countdown", dealId=deal_id) as stream:
        first = await stream.next()

        async def away(_: str) -> None:
            raise ConnectionRefusedError

        monkeypatch.setattr(shop.resources.dealbook, "get", away)
        told = [await stream.next() for _ in range(3)]
    assert {each["endsAt"] for each in told} == {first["endsAt"]}
    assert told[-1]["serverTime"] > first["serverTime"]


async def test_a_cart_waits_for_redis_and_comes_with_it(
    alice: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id = await shop.deal(allotment=5)
    carts = shop.resources.carts
    read, tries = carts.read, iter([TryLater(retry_after_ms=1, reason="away")])

    async def late(user_id: str) -> Any:
        for outage in tries:
            raise outage
        return await read(user_id)

    async with alice.subscribe("CartChanged") as stream:
        await stream.next()
        await carts.add(alice.user_id, deal_id=deal_id, quantity=1, key=None)
        monkeypatch.setattr(carts, "read", late)
        assert len((await stream.next())["items"]) == 1
    assert next(tries, None) is None


async def test_a_countdown_ends_with_its_deal(anybody: Asker, shop: Shop) -> None:
    deal_id = await shop.deal()
    async with anybody.subscribe("Countdown", dealId=deal_id) as stream:
        await stream.next()
        await shop.resources.dealdesk.delete(deal_id)
        async with asyncio.timeout(4):
            assert [each async for each in stream.results] == []


@pytest.mark.parametrize("deal_id", ["", "deal_\0", "x" * 5_000, "deal_" + "0" * 26])
async def test_a_countdown_of_nothing_is_not_found(anybody: Asker, deal_id: str) -> None:
    assert await refusal(anybody, "Countdown", dealId=deal_id) == "NOT_FOUND"


async def test_a_cart_is_told_to_all_tabs_of_its_buyer(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    async with AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(alice.subscribe("CartChanged")) for _ in range(2)]
        assert [(await tab.next())["items"] for tab in tabs] == [[], []]
        updated = await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 2})
        for tab in tabs:
            cart = await tab.next()
            assert cart["items"][0]["quantity"] == 2
            assert cart["total"] == updated["cart"]["total"]


async def test_a_cart_is_told_at_present_prices(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(price=1_500)
    async with alice.subscribe("CartChanged") as stream:
        await stream.next()
        for quantity, price in ((1, 1_500), (2, 1_000)):
            await shop.resources.dealdesk.update(deal_id, price=Money(price, "USD"))
            await alice.run("UpdateCartItem", input={"dealId": deal_id, "quantity": quantity})
            assert (await stream.next())["total"]["amountMinor"] == quantity * price


async def test_a_hold_that_lapses_leaves_the_cart_of_its_buyer(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 2})
    async with alice.subscribe("CartChanged") as stream:
        assert len((await stream.next())["items"]) == 1
        await shop.resources.redis.zadd(f"{{deal:{deal_id}}}:due", {alice.user_id: 1})
        await shop.resources.sweeps.lapse_holds()
        assert (await stream.next())["items"] == []


async def test_an_order_is_told_until_it_is_paid(alice: Asker, shop: Shop) -> None:
    order = (await place(alice, await checkout(alice, await shop.deal())))["order"]
    async with alice.subscribe("OrderChanged", orderId=order["id"]) as stream:
        assert (await stream.next())["status"] == "PENDING_PAYMENT"
        await shop.pay(await shop.read(alice.user_id, order["id"]))
        await shop.resources.settlement.settle(alice.user_id, order["id"])
        paid = await stream.until(status="PAID")
    assert paid["payment"]["status"] == "SUCCEEDED"


async def test_what_is_personal_needs_its_person(
    anybody: Asker, alice: Asker, bob: Asker, shop: Shop
) -> None:
    order = (await place(alice, await checkout(alice, await shop.deal())))["order"]
    assert await refusal(anybody, "CartChanged") == "UNAUTHENTICATED"
    assert await refusal(anybody, "OrderChanged", orderId=order["id"]) == "UNAUTHENTICATED"
    assert await refusal(bob, "OrderChanged", orderId=order["id"]) == "NOT_FOUND"
    assert await refusal(bob, "OrderChanged", orderId="ord_\0") == "NOT_FOUND"


async def test_deals_are_told_when_they_are_edited_paused_and_opened(
    anybody: Asker, alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal()
    await anybody.counter.listening.has_heard_all()
    async with anybody.subscribe("DealChanged") as stream:
        upcoming = asyncio.create_task(stream.until(id=deal_id))
        await anybody.counter.listening.has_heard_all()
        await shop.resources.dealdesk.update(deal_id, title="Tea, by the chest")
        edited = await upcoming
        assert (edited["title"], edited["stock"]["held"]) == ("Tea, by the chest", 0)
        await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 2})
        await shop.resources.dealdesk.pause(deal_id)
        paused = await stream.until(id=deal_id)
        assert (paused["phase"], paused["stock"]["held"]) == ("PAUSED", 2)
        opening = await shop.deal(starts_in=1, ends_in=60, allotment=3)
        assert (await stream.until(id=opening))["phase"] == "SCHEDULED"
        opened = await stream.until(id=opening)
    assert (opened["phase"], opened["stock"]["available"]) == ("LIVE", 3)
