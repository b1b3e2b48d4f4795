"""Checkout, orders and cancelling through the schema."""

from typing import Any

import pytest

from kit.ids import new_id
from kit.money import Money
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker, journey


async def checkout(buyer: Asker, *deal_ids: str, quantity: int = 1) -> Any:
    for deal_id in deal_ids:
        given = {"dealId": deal_id, "quantity": quantity}
        added = await buyer.run("AddToCart", input=given)
        assert added["__typename"] == "CartUpdated", added
    begun = await buyer.run("Checkout")
    assert begun["__typename"] == "Checkout", begun
    return begun


async def place(buyer: Asker, begun: Any, key: str = "key", **changes: Any) -> Any:
    given = {
        "checkoutId": begun["id"],
        "idempotencyKey": key,
        "expectedTotal": begun["total"],
    } | changes
    return await buyer.run("PlaceOrder", input=given)


async def test_a_checkout_freezes_the_holds_and_fixes_the_prices(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(price=1_500)
    begun = await checkout(alice, deal_id, quantity=2)
    assert begun["total"] == {"amountMinor": 3_000, "currency": "USD"}
    assert [item["hold"]["state"] for item in begun["items"]] == ["FROZEN"]
    assert begun["items"][0]["hold"]["expiresAt"] == begun["expiresAt"]
    await shop.resources.dealdesk.update(deal_id, price=Money(1_900, "USD"))
    again = await alice.run("Checkout")
    assert (again["id"], again["total"]) == (begun["id"], begun["total"])
    assert again["expiresAt"] == begun["expiresAt"]
    assert (await place(alice, again))["order"]["total"] == begun["total"]


async def test_a_checkout_of_nothing_is_refused(alice: Asker) -> None:
    assert (await alice.run("Checkout"))["code"] == "CART_EMPTY"


async def test_a_checkout_of_a_lapsed_hold_is_refused_once(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 1})
    await shop.resources.redis.zadd(f"{{deal:{deal_id}}}:due", {alice.user_id: 1})
    await shop.resources.stock.lapse_holds(deal_id, limit=16)
    refused = await alice.run("Checkout")
    assert refused["code"] == "HOLD_LAPSED"
    assert (await alice.run("Checkout"))["code"] == "CART_EMPTY"
    added = await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 1})
    assert added["__typename"] == "CartUpdated"


async def test_a_checkout_of_a_paused_deal_is_refused(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal()
    await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 1})
    await shop.resources.dealdesk.pause(deal_id)
    assert (await alice.run("Checkout"))["code"] == "DEAL_NOT_LIVE"


async def test_an_order_is_placed_with_what_its_page_needs_to_pay(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(price=1_500, allotment=5)
    placed = await place(alice, await checkout(alice, deal_id, quantity=2))
    order = placed["order"]
    assert order["status"] == "PENDING_PAYMENT"
    assert order["paymentDueAt"] > order["placedAt"]
    (line,) = order["lines"]
    assert (line["title"], line["quantity"]) == ("Tea, by the tin", 2)
    assert line["deal"] == {"id": deal_id}
    assert (line["unitPrice"], line["lineTotal"]) == (
        {"amountMinor": 1_500},
        {"amountMinor": 3_000},
    )
    payment = order["payment"]
    assert payment["status"] == "REQUIRES_PAYMENT"
    assert payment["intentId"].startswith("pi_")
    assert payment["clientSecret"].startswith(payment["intentId"])
    assert payment["publishableKey"] == shop.resources.settings.stripe_publishable_key
    assert payment["amount"] == {"amountMinor": 3_000, "currency": "USD"}
    assert (await alice.run("Cart"))["items"] == []
    assert await alice.run("Order", id=order["id"]) == order
    assert await shop.rows(deal_id) == (5, 2, 0)


async def test_a_repeat_answers_the_same_order_with_any_key(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    begun = await checkout(alice, deal_id)
    first = await place(alice, begun)
    again = await place(alice, begun)
    other = await place(alice, begun, key="another tab")
    assert again["order"] == first["order"] == other["order"]
    assert await shop.rows(deal_id) == (5, 1, 0)


async def test_a_key_of_another_checkout_is_refused(alice: Asker, shop: Shop) -> None:
    await place(alice, await checkout(alice, await shop.deal()))
    deal_id = await shop.deal(allotment=5)
    refused = await place(alice, await checkout(alice, deal_id))
    assert refused["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await shop.rows(deal_id) == (5, 0, 0)


async def test_another_total_is_told_and_another_currency_refused(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(price=1_500, allotment=5)
    begun = await checkout(alice, deal_id)
    dearer = {"amountMinor": 1_499, "currency": "USD"}
    refused = await place(alice, begun, expectedTotal=dearer)
    assert (refused["code"], refused["total"]) == ("PRICE_CHANGED", begun["total"])
    euros = {"amountMinor": 1_500, "currency": "EUR"}
    assert (await place(alice, begun, expectedTotal=euros))["code"] == "INVALID_INPUT"
    assert await shop.rows(deal_id) == (5, 0, 0)
    assert (await place(alice, begun))["__typename"] == "OrderPlaced"


async def test_a_superseded_checkout_cannot_be_placed(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5, limit=5)
    begun = await checkout(alice, deal_id)
    await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 1})
    refused = await place(alice, begun)
    assert (refused["code"], refused["dealId"]) == ("HOLD_LAPSED", deal_id)
    assert await shop.rows(deal_id) == (5, 0, 0)


@pytest.mark.parametrize(
    "checkout_id", ["", "chk_", "x" * 5_000, "../..", "chk_\0", "chk_" + "0" * 26]
)
async def test_a_checkout_of_nothing_is_not_found(alice: Asker, checkout_id: str) -> None:
    begun = {"id": checkout_id, "total": {"amountMinor": 1, "currency": "USD"}}
    assert (await place(alice, begun))["code"] == "NOT_FOUND"


@pytest.mark.parametrize("key", ["", "k" * 129, "\N{FIRE}", "a\0b"])
async def test_an_order_needs_a_short_printable_key(alice: Asker, key: str) -> None:
    begun = {"id": new_id("chk"), "total": {"amountMinor": 1, "currency": "USD"}}
    assert (await place(alice, begun, key=key))["code"] == "INVALID_INPUT"


async def test_somebody_elses_things_are_as_if_they_were_not_there(
    alice: Asker, bob: Asker, anybody: Asker, shop: Shop
) -> None:
    begun = await checkout(alice, await shop.deal())
    assert (await place(bob, begun))["code"] == "NOT_FOUND"
    order = (await place(alice, begun))["order"]
    assert await bob.run("Order", id=order["id"]) is None
    assert (await bob.run("CancelOrder", orderId=order["id"]))["code"] == "NOT_FOUND"
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert (await bob.ask(node, id=order["id"]))["data"] == {"node": None}
    assert (await anybody.ask(node, id=order["id"]))["data"] == {"node": None}
    assert (await alice.ask(node, id=order["id"]))["data"] == {"node": {"id": order["id"]}}
    assert await anybody.code(journey()["Order"], id=order["id"]) == "UNAUTHENTICATED"
    assert (await bob.run("Orders"))["nodes"] == []


async def test_orders_come_in_pages_newest_first(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(limit=9)
    placed = [
        (await place(alice, await checkout(alice, deal_id), key=str(n)))["order"]["id"]
        for n in range(3)
    ]
    first = await alice.run("Orders", first=2)
    assert first["pageInfo"]["hasNextPage"]
    rest = await alice.run("Orders", first=2, after=first["pageInfo"]["endCursor"])
    assert [order["id"] for order in first["nodes"] + rest["nodes"]] == placed[::-1]
    assert not rest["pageInfo"]["hasNextPage"]
    for odd in ({"first": 0}, {"first": 101}, {"after": "forged"}):
        assert await alice.code(journey()["Orders"], **odd) == "BAD_USER_INPUT"


async def test_an_unpaid_order_is_given_back(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    order = (await place(alice, await checkout(alice, deal_id)))["order"]
    cancelled = await alice.run("CancelOrder", orderId=order["id"])
    assert (cancelled["__typename"], cancelled["status"]) == ("Order", "CANCELLED")
    again = await alice.run("CancelOrder", orderId=order["id"])
    assert again == cancelled
    await shop.work()
    assert await shop.counters(deal_id) == (5, 0, 0)
    await shop.prove(deal_id)


async def test_a_paid_order_cannot_be_given_back(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    order = (await place(alice, await checkout(alice, deal_id)))["order"]
    await shop.pay(await shop.read(alice.user_id, order["id"]))
    await shop.resources.settlement.settle(alice.user_id, order["id"])
    refused = await alice.run("CancelOrder", orderId=order["id"])
    assert (refused["code"], refused["status"]) == ("ORDER_NOT_CANCELLABLE", "PAID")
    assert await shop.rows(deal_id) == (5, 1, 1)


@pytest.mark.parametrize("order_id", ["", "ord_", "x" * 5_000, "ord_\0", "ord_" + "0" * 26])
async def test_an_order_of_nothing_is_not_found(alice: Asker, order_id: str) -> None:
    assert await alice.run("Order", id=order_id) is None
    assert (await alice.run("CancelOrder", orderId=order_id))["code"] == "NOT_FOUND"


async def test_a_line_outlives_its_deal(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal()
    order = (await place(alice, await checkout(alice, deal_id)))["order"]
    await shop.resources.pool.execute(
        "UPDATE order_lines SET deal_id = $2 WHERE deal_id = $1", deal_id, new_id("deal")
    )
    (line,) = (await alice.run("Order", id=order["id"]))["lines"]
    assert (line["deal"], line["title"]) == (None, "Tea, by the tin")


async def test_a_flood_of_checkouts_and_orders_is_limited(alice: Asker, shop: Shop) -> None:
    begun = {"id": new_id("chk"), "total": {"amountMinor": 1, "currency": "USD"}}
    for _ in range(shop.resources.settings.limit.order_burst // 3):
        assert (await alice.run("Checkout"))["code"] == "CART_EMPTY"
        assert (await place(alice, begun))["code"] == "NOT_FOUND"
        assert (await alice.run("CancelOrder", orderId="ord_"))["code"] == "NOT_FOUND"
    assert await alice.code(journey()["Checkout"]) == "RATE_LIMITED"
    assert await alice.code(journey()["CancelOrder"], orderId="ord_") == "RATE_LIMITED"
