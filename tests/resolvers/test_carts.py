"""The cart through the schema: what buyers are told, and what each refusal carries."""

import asyncio
from typing import Any

import pytest

from kit.ids import new_id
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker, journey


async def add(buyer: Asker, deal_id: str, quantity: int = 1, **more: Any) -> Any:
    return await buyer.run("AddToCart", input={"dealId": deal_id, "quantity": quantity, **more})


async def test_an_added_deal_is_held_and_priced(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5, price=1_500)
    added = await add(alice, deal_id, 2)
    (item,) = added["cart"]["items"]
    assert item["deal"] == {"id": deal_id, "title": "Tea, by the tin"}
    assert item["quantity"] == 2
    assert item["unitPrice"] == {"amountMinor": 1_500, "currency": "USD"}
    assert item["lineTotal"] == {"amountMinor": 3_000, "currency": "USD"}
    assert added["cart"]["total"] == {"amountMinor": 3_000, "currency": "USD"}
    assert added["cart"]["expiresAt"] == item["hold"]["expiresAt"]
    assert item["hold"]["state"] == "HELD"
    assert 590 <= item["hold"]["secondsRemaining"] <= 600
    assert await alice.run("Cart") == added["cart"]


async def test_an_empty_cart_totals_nothing_of_the_deployments_currency(alice: Asker) -> None:
    assert await alice.run("Cart") == {
        "items": [],
        "total": {"amountMinor": 0, "currency": "USD"},
        "expiresAt": None,
    }


async def test_a_cart_is_for_those_who_are_signed_in(anybody: Asker, shop: Shop) -> None:
    deal_id = await shop.deal()
    assert await anybody.code(journey()["Cart"]) == "UNAUTHENTICATED"
    given = {"input": {"dealId": deal_id, "quantity": 1}}
    for name in ("AddToCart", "UpdateCartItem"):
        assert await anybody.code(journey()[name], **given) == "UNAUTHENTICATED"
    removal = {"input": {"dealId": deal_id}}
    assert await anybody.code(journey()["RemoveFromCart"], **removal) == "UNAUTHENTICATED"
    assert await anybody.code(journey()["Checkout"]) == "UNAUTHENTICATED"


@pytest.mark.parametrize("quantity", [0, -1, -2_147_483_648])
async def test_fewer_than_one_unit_cannot_be_added(alice: Asker, shop: Shop, quantity: int) -> None:
    deal_id = await shop.deal(allotment=5)
    refused = await add(alice, deal_id, quantity)
    assert (refused["__typename"], refused["code"]) == ("InvalidInput", "INVALID_INPUT")
    assert await shop.counters(deal_id) == (5, 0, 0)


@pytest.mark.parametrize("quantity", ["99999999999", "1.5", '"1"', "null", "{}", "[1, 2]"])
async def test_what_is_no_quantity_is_refused_before_anything_is_executed(
    alice: Asker, shop: Shop, quantity: str
) -> None:
    deal_id = await shop.deal(allotment=5)
    document = (
        f'mutation {{ addToCart(input: {{dealId: "{deal_id}", quantity: {quantity}}})'
        " { __typename } }"
    )
    answer = await alice.ask(document)
    assert answer["data"] is None
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert await shop.counters(deal_id) == (5, 0, 0)


async def test_a_client_cannot_name_its_price(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    given = {"dealId": deal_id, "quantity": 1, "price": 1}
    assert await alice.code(journey()["AddToCart"], input=given) == "BAD_USER_INPUT"
    assert await shop.counters(deal_id) == (5, 0, 0)


@pytest.mark.parametrize(
    "deal_id",
    ["", "deal_", "x" * 5_000, "../../etc/passwd", "deal_\N{FIRE}", "deal_\0", "';--", "ord_1"],
)
async def test_an_id_of_no_shape_is_not_found(alice: Asker, deal_id: str) -> None:
    assert (await add(alice, deal_id))["__typename"] == "NotFound"
    updated = await alice.run("UpdateCartItem", input={"dealId": deal_id, "quantity": 1})
    assert updated["__typename"] == "NotFound"
    removed = await alice.run("RemoveFromCart", input={"dealId": deal_id})
    assert removed["__typename"] == "NotFound"


async def test_a_deal_that_does_not_exist_is_not_found(alice: Asker) -> None:
    refused = await add(alice, new_id("deal"))
    assert refused == {
        "__typename": "NotFound",
        "code": "NOT_FOUND",
        "message": "There is no such deal.",
        "retryable": False,
        "retryAfterMs": None,
    }


async def test_the_purchase_limit_is_told_with_what_is_already_yours(
    alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=9, limit=2)
    await add(alice, deal_id)
    refused = await add(alice, deal_id, 2)
    assert refused["code"] == "PURCHASE_LIMIT_REACHED"
    assert (refused["dealId"], refused["limit"], refused["alreadyYours"]) == (deal_id, 2, 1)
    assert await shop.counters(deal_id) == (8, 1, 0)


async def test_the_last_unit_goes_to_one_of_two(alice: Asker, bob: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=1)
    answers = await asyncio.gather(add(alice, deal_id), add(bob, deal_id))
    assert sorted(answer["__typename"] for answer in answers) == ["CartUpdated", "SoldOut"]
    (refused,) = (answer for answer in answers if answer["__typename"] == "SoldOut")
    assert (refused["dealId"], refused["available"]) == (deal_id, 0)


@pytest.mark.parametrize(
    ("starts_in", "ends_in", "phase"), [(60, 120, "SCHEDULED"), (-120, -60, "ENDED")]
)
async def test_outside_its_window_a_deal_is_not_live(
    alice: Asker, shop: Shop, starts_in: float, ends_in: float, phase: str
) -> None:
    deal_id = await shop.deal(starts_in=starts_in, ends_in=ends_in)
    deal = await alice.run("Deal", id=deal_id)
    refused = await add(alice, deal_id)
    assert refused["code"] == "DEAL_NOT_LIVE"
    assert refused["phase"] == deal["phase"] == phase
    assert (refused["startsAt"], refused["endsAt"]) == (deal["startsAt"], deal["endsAt"])
    assert await shop.counters(deal_id) == (10, 0, 0)


async def test_a_paused_deal_is_not_live_but_gives_units_back(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    await add(alice, deal_id)
    await shop.resources.dealdesk.pause(deal_id)
    assert (await add(alice, deal_id))["phase"] == "PAUSED"
    removed = await alice.run("UpdateCartItem", input={"dealId": deal_id, "quantity": 0})
    assert removed["cart"]["items"] == []
    assert await shop.counters(deal_id) == (5, 0, 0)


async def test_a_repeated_key_has_one_effect_and_another_content_is_refused(
    alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=9, limit=5)
    first = await add(alice, deal_id, 2, idempotencyKey="tap")
    again = await add(alice, deal_id, 2, idempotencyKey="tap")
    assert again["cart"]["items"][0]["quantity"] == 2
    assert (
        first["cart"]["items"][0]["hold"]["expiresAt"]
        == (again["cart"]["items"][0]["hold"]["expiresAt"])
    )
    reused = await add(alice, deal_id, 1, idempotencyKey="tap")
    assert reused["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await shop.counters(deal_id) == (7, 2, 0)


@pytest.mark.parametrize("key", ["", "k" * 129, "\N{FIRE}", "a\nb", "a\0b"])
async def test_a_key_is_short_and_printable(alice: Asker, shop: Shop, key: str) -> None:
    deal_id = await shop.deal(allotment=5)
    refused = await add(alice, deal_id, idempotencyKey=key)
    assert refused["__typename"] == "InvalidInput"
    assert await shop.counters(deal_id) == (5, 0, 0)


async def test_removing_what_is_not_in_the_cart_is_not_found(alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal()
    await add(alice, deal_id)
    removed = await alice.run("RemoveFromCart", input={"dealId": deal_id})
    assert removed["cart"]["items"] == []
    again = await alice.run("RemoveFromCart", input={"dealId": deal_id})
    assert again["code"] == "NOT_FOUND"


async def test_two_changes_in_one_document_each_show_what_they_made(
    alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=9, limit=5)
    change = (
        'addToCart(input: {dealId: "%s", quantity: 1})'
        " { ... on CartUpdated { cart { items { deal { stock { available } } } } } }"
    )
    answer = await alice.ask(f"mutation {{ a: {change % deal_id} b: {change % deal_id} }}")
    shown = [
        answer["data"][name]["cart"]["items"][0]["deal"]["stock"]["available"] for name in "ab"
    ]
    assert shown == [8, 7]


async def test_nobody_sees_somebody_elses_cart(alice: Asker, bob: Asker, shop: Shop) -> None:
    await add(alice, await shop.deal())
    assert (await bob.run("Cart"))["items"] == []


async def test_a_deal_that_was_deleted_leaves_the_cart(alice: Asker, shop: Shop) -> None:
    gone, stays = await shop.deal(), await shop.deal(price=700)
    await add(alice, gone)
    await add(alice, stays)
    # The desk refuses this while units are held, unless the hold comes in between.
    await shop.resources.pool.execute("DELETE FROM deals WHERE id = $1", gone)
    shop.resources.dealbook.drop(gone)
    cart = await alice.run("Cart")
    assert [item["deal"]["id"] for item in cart["items"]] == [stays]
    assert cart["total"]["amountMinor"] == 700


async def test_a_flood_of_carts_is_limited(alice: Asker, shop: Shop) -> None:
    burst = shop.resources.settings.limit.cart_burst
    removal = {"input": {"dealId": new_id("deal")}}
    codes = await asyncio.gather(
        *(alice.ask(journey()["RemoveFromCart"], **removal) for _ in range(burst + 20))
    )
    refused = [answer["errors"][0] for answer in codes if answer["errors"]]
    assert 0 < len(refused) <= 20
    assert {error["extensions"]["code"] for error in refused} == {"RATE_LIMITED"}
    assert all(error["extensions"]["retryAfterMs"] > 0 for error in refused)
