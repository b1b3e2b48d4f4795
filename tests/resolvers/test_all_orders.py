"""Everybody's orders through the schema: in pages, by status and deal, for operators alone."""

from typing import Any

import pytest

from kit.ids import new_id
from orders.control_room import ControlRoom
from runtime.resources import Resources
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker, journey
from tests.resolvers.counting import CountingPool
from tests.resolvers.test_orders import checkout, place


async def test_everybodys_orders_come_newest_first_in_pages(
    operator: Asker, alice: Asker, bob: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal(limit=5)
    buyers = (alice, bob, alice, bob, alice)
    placed = [(await shop.order(buyer.user_id, deal_id)).id for buyer in buyers]
    seen: list[str] = []
    after, pages = None, 0
    while True:
        page = await operator.run("AllOrders", dealId=deal_id, first=2, after=after)
        assert page["pageInfo"]["hasPreviousPage"] == (pages > 0)
        seen += [order["id"] for order in page["nodes"]]
        pages, after = pages + 1, page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert (seen, pages) == (placed[::-1], 3)
    newest = await operator.run("AllOrders", first=5)
    assert [order["id"] for order in newest["nodes"]] == placed[::-1]


async def test_an_order_in_the_list_is_whole_but_for_the_clients_secret(
    operator: Asker, alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal(price=1_500)
    order = (await place(alice, await checkout(alice, deal_id, quantity=2)))["order"]
    assert order["payment"]["clientSecret"]
    page = await operator.run("AllOrders", dealId=deal_id)
    assert page == {
        "nodes": [
            {
                "id": order["id"],
                "number": order["number"],
                "status": "PENDING_PAYMENT",
                "placedAt": order["placedAt"],
                "total": {"amountMinor": 3_000, "currency": "USD"},
                "lines": [{"title": "Tea, by the tin", "quantity": 2}],
                "payment": {"status": "REQUIRES_PAYMENT", "clientSecret": None},
            }
        ],
        "pageInfo": page["pageInfo"],
    }


async def test_orders_are_found_by_status_and_deal(
    operator: Asker, alice: Asker, shop: Shop
) -> None:
    deal_id, other = await shop.deal(limit=5), await shop.deal(limit=5)
    waits = await shop.order(alice.user_id, deal_id)
    pays = await shop.order(alice.user_id, deal_id, other)
    await shop.pay(pays)
    await shop.resources.settlement.settle(alice.user_id, pays.id)

    async def ids(**wanted: Any) -> list[str]:
        page = await operator.run("AllOrders", **wanted)
        return [order["id"] for order in page["nodes"]]

    assert await ids(dealId=deal_id) == [pays.id, waits.id]
    assert await ids(dealId=deal_id, status="PAID") == [pays.id]
    assert await ids(dealId=deal_id, status="PENDING_PAYMENT") == [waits.id]
    assert await ids(dealId=other) == [pays.id]
    assert await ids(dealId=other, status="REFUNDED") == []
    assert (await ids(status="PAID"))[0] == pays.id
    for nothing in (new_id("deal"), "", "deal_a\0b", "x" * 5_000):
        assert await ids(dealId=nothing) == []


async def test_an_abandoned_claim_is_no_order(operator: Asker, alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal()
    order = await shop.order(alice.user_id, deal_id)
    resources = shop.resources
    await resources.pool.execute("UPDATE orders SET status = 'ABANDONED' WHERE id = $1", order.id)
    assert (await operator.run("AllOrders", dealId=deal_id))["nodes"] == []
    room = ControlRoom(
        pool=resources.pool,
        driftbook=resources.driftbook,
        tally=resources.tally,
        clock=resources.clock,
    )
    assert "ABANDONED" not in (await room.look()).orders


@pytest.mark.parametrize(
    "page", [{"first": 0}, {"first": 101}, {"after": "forged"}, {"after": ""}], ids=str
)
async def test_a_page_that_cannot_be_is_refused(operator: Asker, page: dict[str, Any]) -> None:
    assert await operator.code(journey()["AllOrders"], **page) == "BAD_USER_INPUT"


async def test_a_cursor_of_ones_own_orders_is_none_of_everybodys(
    operator: Asker, shop: Shop
) -> None:
    await shop.order(operator.user_id, await shop.deal())
    mine = (await operator.run("Orders"))["pageInfo"]["endCursor"]
    assert await operator.code(journey()["AllOrders"], after=mine) == "BAD_USER_INPUT"


async def test_a_page_costs_three_queries_whatever_its_size(
    resources: Resources, shop: Shop, alice: Asker, bob: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id = await shop.deal(limit=5)
    for buyer in (alice, bob, alice, bob):
        await shop.order(buyer.user_id, deal_id)
    pool: Any = CountingPool(resources.pool)
    monkeypatch.setattr(resources.all_orders, "_pool", pool)
    for size in (1, 4):
        page = await resources.all_orders.page(status=None, deal_id=deal_id, first=size, after=None)
        assert len(page.items) == size
    assert pool.fetched == 6


async def test_large_pages_are_too_much_together(operator: Asker) -> None:
    page = """allOrders(first: 100) { nodes { lines { deal {
        title product { attributes { name value } } stock { id available held sold } } } } }"""
    assert (await operator.ask(f"{{ {page} }}"))["errors"] == []
    assert (
        await operator.code(f"{{ one: {page} two: {page} three: {page} }}") == "QUERY_TOO_COMPLEX"
    )
