"""The operators' desk through the schema."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.ids import new_id
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker, journey

OPERATIONS: dict[str, dict[str, Any]] = {
    "CreateProduct": {"input": {"sku": "s", "name": "n", "description": "d", "category": "c"}},
    "UpdateProduct": {"input": {"productId": "prod_"}},
    "DeleteProduct": {"productId": "prod_"},
    "CreateDeal": {
        "input": {
            "productId": "prod_",
            "title": "t",
            "price": {"amountMinor": 1, "currency": "USD"},
            "listPrice": {"amountMinor": 1, "currency": "USD"},
            "startsAt": "2026-11-27T09:00:00Z",
            "endsAt": "2026-11-27T10:00:00Z",
            "allotment": 1,
        }
    },
    "UpdateDeal": {"input": {"dealId": "deal_"}},
    "PauseDeal": {"dealId": "deal_"},
    "ResumeDeal": {"dealId": "deal_"},
    "EndDeal": {"dealId": "deal_"},
    "DeleteDeal": {"dealId": "deal_"},
    "AdjustStock": {"input": {"dealId": "deal_", "delta": 1, "reason": "r"}},
    "SaleReport": {"dealId": "deal_"},
    "ReleaseSafetyStock": {"dealId": "deal_", "units": 1},
    "RefundOrder": {"input": {"orderId": "ord_", "reason": "r"}},
}


def at(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def usd(amount_minor: int) -> dict[str, Any]:
    return {"amountMinor": amount_minor, "currency": "USD"}


async def new_product(operator: Asker, **changes: Any) -> Any:
    given = {
        "sku": secrets.token_hex(6),
        "name": "Copper kettle",
        "description": "Sings.\nAll day.",
        "category": "Kitchen",
        "imageUrl": "/images/kettle.svg",
        "attributes": [{"name": "Volume", "value": "1.5 l"}],
    } | changes
    return await operator.run("CreateProduct", input=given)


async def new_deal(operator: Asker, product_id: str, **changes: Any) -> Any:
    given = {
        "productId": product_id,
        "title": "Copper kettle, today only",
        "price": usd(4_990),
        "listPrice": usd(9_900),
        "startsAt": at(minutes=-1),
        "endsAt": at(hours=1),
        "allotment": 5,
    } | changes
    return await operator.run("CreateDeal", input=given)


@pytest.mark.parametrize("name", list(OPERATIONS))
async def test_the_desk_is_for_operators(name: str, alice: Asker, anybody: Asker) -> None:
    assert await anybody.code(journey()[name], **OPERATIONS[name]) == "UNAUTHENTICATED"
    assert await alice.code(journey()[name], **OPERATIONS[name]) == "FORBIDDEN"


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"CreateProduct", "SaleReport"}))
async def test_an_id_of_nothing_is_not_found(name: str, operator: Asker) -> None:
    assert (await operator.run(name, **OPERATIONS[name]))["code"] == "NOT_FOUND"


async def test_a_product_is_made_changed_and_taken_away(operator: Asker) -> None:
    product_id = (await new_product(operator))["product"]["id"]
    document = """query($id: ID!) { product(id: $id) {
      name description category sku imageUrl attributes { name value } } }"""
    made = (await operator.ask(document, id=product_id))["data"]["product"]
    assert made["attributes"] == [{"name": "Volume", "value": "1.5 l"}]
    assert made["description"] == "Sings.\nAll day."
    changes = {"productId": product_id, "name": "Steel kettle", "imageUrl": "", "attributes": []}
    assert (await operator.run("UpdateProduct", input=changes))["__typename"] == "ProductSaved"
    changed = (await operator.ask(document, id=product_id))["data"]["product"]
    assert changed == made | {"name": "Steel kettle", "imageUrl": None, "attributes": []}
    gone = await operator.run("DeleteProduct", productId=product_id)
    assert gone == {"__typename": "Deleted", "id": product_id}
    assert (await operator.ask(document, id=product_id))["data"]["product"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sku": ""},
        {"sku": "a\0b"},
        {"name": "n" * 201},
        {"description": "a\0b"},
        {"category": "c" * 65},
        {"imageUrl": "javascript:alert(1)"},
        {"attributes": [{"name": "n", "value": "v"}] * 51},
        {"attributes": [{"name": "", "value": "v"}]},
    ],
)
async def test_a_product_that_cannot_be_is_refused(
    operator: Asker, changes: dict[str, Any]
) -> None:
    refused = await new_product(operator, **changes)
    assert refused["code"] == "INVALID_INPUT"


async def test_a_number_of_the_merchants_is_unique(operator: Asker) -> None:
    sku = (await new_product(operator))["product"]["sku"]
    assert (await new_product(operator, sku=sku))["code"] == "INVALID_INPUT"


async def test_a_deal_that_started_in_the_past_is_live_at_once(
    operator: Asker, alice: Asker
) -> None:
    product_id = (await new_product(operator))["product"]["id"]
    deal = (await new_deal(operator, product_id))["deal"]
    assert (deal["phase"], deal["discountPercent"], deal["purchaseLimit"]) == ("LIVE", 49, 2)
    assert (deal["stock"]["allotment"], deal["stock"]["available"]) == (5, 5)
    added = await alice.run("AddToCart", input={"dealId": deal["id"], "quantity": 1})
    assert added["__typename"] == "CartUpdated"


@pytest.mark.parametrize(
    "changes",
    [
        {"title": ""},
        {"title": "t" * 201},
        {"title": "a\0b"},
        {"price": usd(0)},
        {"price": usd(-1)},
        {"price": {"amountMinor": 1, "currency": "EUR"}},
        {"listPrice": usd(4_989)},
        {"endsAt": "2020-01-01T00:00:00Z"},
        {"allotment": -1},
        {"allotment": 2_000_000_000},
        {"safetyStock": -1},
        {"safetyStock": 9_999_996},
        {"purchaseLimit": 0},
        {"safetyStockRelease": {"at": "2100-01-01T00:00:00Z"}},
    ],
)
async def test_a_deal_that_cannot_be_is_refused(operator: Asker, changes: dict[str, Any]) -> None:
    product_id = (await new_product(operator))["product"]["id"]
    assert (await new_deal(operator, product_id, **changes))["code"] == "INVALID_INPUT"


@pytest.mark.parametrize("moment", ["2026-11-27", "2026-11-27T09:00:00", "soon", 5, ""])
async def test_a_time_without_an_offset_is_refused_before_execution(
    operator: Asker, moment: object
) -> None:
    given = dict(OPERATIONS["CreateDeal"]["input"]) | {"startsAt": moment}
    assert await operator.code(journey()["CreateDeal"], input=given) == "BAD_USER_INPUT"


async def test_a_deal_of_no_product_is_not_found(operator: Asker) -> None:
    assert (await new_deal(operator, new_id("prod")))["code"] == "NOT_FOUND"


async def test_only_what_is_given_of_a_deal_changes(operator: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(price=1_500, limit=2)
    before = await operator.run("Deal", id=deal_id)
    changes = {"dealId": deal_id, "price": usd(1_000), "purchaseLimit": 3}
    saved = (await operator.run("UpdateDeal", input=changes))["deal"]
    assert saved["price"] == usd(1_000)
    assert (saved["discountPercent"], saved["purchaseLimit"]) == (50, 3)
    kept = ("title", "listPrice", "startsAt", "endsAt")
    assert [saved[name] for name in kept] == [before[name] for name in kept]


async def test_a_deal_is_paused_resumed_ended_and_deleted(operator: Asker, shop: Shop) -> None:
    deal_id = await shop.deal()
    for name, phase in (("PauseDeal", "PAUSED"), ("ResumeDeal", "LIVE"), ("EndDeal", "ENDED")):
        for _ in range(2):
            saved = await operator.run(name, dealId=deal_id)
            assert saved["deal"] == {"id": deal_id, "phase": phase}
    assert (await operator.run("ResumeDeal", dealId=deal_id))["code"] == "INVALID_INPUT"
    assert (await operator.run("DeleteDeal", dealId=deal_id))["id"] == deal_id
    assert await operator.run("Deal", id=deal_id) is None
    assert (await operator.run("DeleteDeal", dealId=deal_id))["code"] == "NOT_FOUND"


async def test_a_deal_in_a_cart_stays(operator: Asker, alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal()
    await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 1})
    assert (await operator.run("DeleteDeal", dealId=deal_id))["code"] == "INVALID_INPUT"
    await alice.run("RemoveFromCart", input={"dealId": deal_id})
    assert (await operator.run("DeleteDeal", dealId=deal_id))["id"] == deal_id


async def test_a_deal_with_orders_and_a_product_with_deals_stay(
    operator: Asker, alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal()
    await shop.order(alice.user_id, deal_id)
    assert (await operator.run("DeleteDeal", dealId=deal_id))["code"] == "INVALID_INPUT"
    product_id = (await operator.run("Deal", id=deal_id))["product"]["id"]
    assert (await operator.run("DeleteProduct", productId=product_id))["code"] == "INVALID_INPUT"


async def test_stock_is_adjusted_but_never_below_what_is_held(
    operator: Asker, alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=5)
    await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 2})

    async def adjust(delta: int, reason: str = "counted again") -> Any:
        given = {"dealId": deal_id, "delta": delta, "reason": reason}
        return await operator.run("AdjustStock", input=given)

    assert (await adjust(3))["deal"]["stock"]["available"] == 6
    assert (await adjust(-6))["deal"]["stock"]["available"] == 0
    assert (await adjust(-1))["code"] == "INVALID_INPUT"
    assert (await adjust(0))["code"] == "INVALID_INPUT"
    assert (await adjust(1, ""))["code"] == "INVALID_INPUT"
    assert (await adjust(1, "r" * 501))["code"] == "INVALID_INPUT"
    assert (await adjust(1, "a\0b"))["code"] == "INVALID_INPUT"
    assert await shop.counters(deal_id) == (0, 2, 0)
    assert await shop.rows(deal_id) == (2, 0, 0)
    await shop.work()
    await shop.prove(deal_id)


async def test_safety_stock_is_released_by_an_operator(operator: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5, withheld=4)

    async def release(units: int) -> Any:
        return await operator.run("ReleaseSafetyStock", dealId=deal_id, units=units)

    assert (await release(0))["code"] == "INVALID_INPUT"
    assert (await release(5))["code"] == "INVALID_INPUT"
    assert (await release(3))["deal"]["stock"]["available"] == 8
    assert (await release(2))["code"] == "INVALID_INPUT"
    assert await shop.rows(deal_id) == (8, 0, 0)
    actor = await shop.resources.pool.fetchval(
        "SELECT actor FROM stock_ledger WHERE deal_id = $1 AND reason = 'RELEASED'", deal_id
    )
    assert actor == operator.user_id


@pytest.mark.parametrize("when", ["created", "updated"])
@pytest.mark.parametrize("rule", [{"whenSoldOut": True}, {"at": at(seconds=-1)}])
async def test_a_rule_releases_safety_stock(
    operator: Asker, shop: Shop, when: str, rule: dict[str, Any]
) -> None:
    product_id = (await new_product(operator))["product"]["id"]
    given: dict[str, Any] = {"allotment": 0, "safetyStock": 4}
    if when == "created":
        given["safetyStockRelease"] = rule
    deal_id = (await new_deal(operator, product_id, **given))["deal"]["id"]
    if when == "updated":
        assert await shop.resources.safety_stock.release_safety_stock() == 0
        changes = {"dealId": deal_id, "safetyStockRelease": rule}
        assert (await operator.run("UpdateDeal", input=changes))["__typename"] == "DealSaved"
    assert await shop.resources.safety_stock.release_safety_stock() == 1
    assert await shop.counters(deal_id) == (4, 0, 0)


async def test_a_rule_is_taken_back_by_an_empty_one(operator: Asker, shop: Shop) -> None:
    product_id = (await new_product(operator))["product"]["id"]
    given = {"allotment": 0, "safetyStock": 4, "safetyStockRelease": {"whenSoldOut": True}}
    deal_id = (await new_deal(operator, product_id, **given))["deal"]["id"]
    changes = {"dealId": deal_id, "safetyStockRelease": {}}
    assert (await operator.run("UpdateDeal", input=changes))["__typename"] == "DealSaved"
    assert await shop.resources.safety_stock.release_safety_stock() == 0
    assert await shop.counters(deal_id) == (0, 0, 0)
