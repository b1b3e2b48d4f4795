"""The npm client graphql-sse, in its mode of distinct connections."""

import asyncio

import httpx
import pytest

from tests.clients.conftest import Buyer, Connect, bearer
from tests.clients.test_graphql_ws import ADD, CART, STOCK, TITLE, order_of
from tests.journey.client import Api
from tests.orders.shop import Shop


async def test_queries_and_mutations_are_answered_and_completed(
    sse: Connect, buyer: Buyer, shop: Shop
) -> None:
    deal_id = await shop.deal()
    async with sse(headers=bearer(buyer.token)) as client:
        client.subscribe(TITLE, deal=deal_id)
        assert await client.value() == {"title": "Tea, by the tin"}
        assert await client.read() == {"saw": "complete", "of": "1"}
        client.subscribe(ADD, of="2", deal=deal_id)
        assert await client.value("2") == {"__typename": "CartUpdated"}
        assert await client.read() == {"saw": "complete", "of": "2"}
    assert await shop.counters(deal_id) == (9, 1, 0)


async def test_a_subscription_begins_with_the_present_and_follows_it(
    sse: Connect, buyer: Buyer, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=5)
    async with sse() as client:
        client.subscribe(STOCK, deal=deal_id)
        first = await client.value()
        assert (first["available"], first["held"]) == (5, 0)
        await buyer.api.run("AddToCart", input={"dealId": deal_id, "quantity": 2})
        assert order_of(await client.value_with(available=3, held=2)) > order_of(first)


async def test_a_stream_ends_at_the_server_when_its_client_says_so(
    sse: Connect, api: Api, shop: Shop
) -> None:
    deal_id = await shop.deal()
    before = await open_operations(api)
    async with sse() as client:
        client.subscribe(STOCK, deal=deal_id)
        await client.value()
        assert await open_operations(api) == before + 1
        client.order("unsubscribe", of="1")
        await client.until("complete", of="1")
        async with asyncio.timeout(10):
            while await open_operations(api) != before:
                await asyncio.sleep(0.02)


async def open_operations(api: Api) -> float:
    metrics = (await api.http.get(f"{api.address}/metrics")).text
    (line,) = (x for x in metrics.splitlines() if x.startswith("flashsale_socket_operations "))
    return float(line.split()[1])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { nothing }", "BAD_USER_INPUT"),
        ('subscription { countdown(dealId: "deal_none") { phase } }', "NOT_FOUND"),
        (CART, "UNAUTHENTICATED"),
    ],
    ids=["field", "deal", "signed out"],
)
async def test_a_subscription_that_is_refused_ends_alone(
    sse: Connect, buyer: Buyer, shop: Shop, query: str, code: str
) -> None:
    deal_id = await shop.deal(allotment=5)
    async with sse() as client:
        client.subscribe(STOCK, of="lives", deal=deal_id)
        await client.value("lives")
        client.subscribe(query, of="bad")
        told = await client.until("next", of="bad")
        assert [error["extensions"]["code"] for error in told["payload"]["errors"]] == [code]
        assert await client.read() == {"saw": "complete", "of": "bad"}
        await buyer.api.run("AddToCart", input={"dealId": deal_id})
        assert (await client.value_with("lives", available=4))["held"] == 1


async def test_a_header_signs_in_and_the_stream_ends_with_its_session(
    sse: Connect, buyer: Buyer, shop: Shop
) -> None:
    deal_id = await shop.deal()
    async with sse(headers=bearer(buyer.token)) as client:
        client.subscribe(CART)
        assert await client.value() == {"items": []}
        await buyer.api.run("AddToCart", input={"dealId": deal_id})
        assert await client.value() == {"items": [{"quantity": 1, "deal": {"id": deal_id}}]}
        assert await buyer.api.run("Logout") is True
        await client.until("complete", of="1")


async def test_one_connection_for_all_streams_is_not_offered(sse: Connect, shop: Shop) -> None:
    deal_id = await shop.deal()
    async with sse(singleConnection=True) as client:
        client.subscribe(STOCK, deal=deal_id)
        refused = await client.until("refused", of="1")
        assert refused["status"] == httpx.codes.METHOD_NOT_ALLOWED
