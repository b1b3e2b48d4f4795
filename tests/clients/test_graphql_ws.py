"""The npm client graphql-ws at our socket: what a partner's page would see."""

import json
from typing import Any

import pytest

from auth.cookie import SESSION_COOKIE
from auth.sessions import new_token
from tests.clients.conftest import OTHER_SHOP, Buyer, Connect, bearer
from tests.clients.program import Program
from tests.journey.client import Api
from tests.orders.shop import Shop

STOCK = """subscription($deal: ID!) {
  stockChanged(dealIds: [$deal]) { available held level epoch version }
}"""
CART = "subscription { cartChanged { items { quantity deal { id } } } }"
ADD = """mutation($deal: ID!) {
  addToCart(input: {dealId: $deal}) { __typename ... on UserError { code } }
}"""
TITLE = "query($deal: ID!) { deal(id: $deal) { title } }"


def order_of(stock: dict[str, Any]) -> tuple[int, int]:
    return int(stock["epoch"]), int(stock["version"])


async def test_queries_and_mutations_are_answered_and_completed(
    ws: Connect, buyer: Buyer, shop: Shop
) -> None:
    deal_id = await shop.deal()
    async with ws(params=bearer(buyer.token)) as client:
        client.subscribe(TITLE, of="query", deal=deal_id)
        assert await client.value("query") == {"title": "Tea, by the tin"}
        assert await client.read() == {"saw": "complete", "of": "query"}
        client.subscribe(ADD, of="mutation", deal=deal_id)
        assert await client.value("mutation") == {"__typename": "CartUpdated"}
        assert await client.read() == {"saw": "complete", "of": "mutation"}
    assert await shop.counters(deal_id) == (9, 1, 0)


async def test_a_subscription_begins_with_the_present_and_ends_when_its_client_says_so(
    ws: Connect, buyer: Buyer, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=5)
    async with ws() as client:
        client.subscribe(STOCK, deal=deal_id)
        client.subscribe(STOCK, of="other tab", deal=deal_id)
        first = await client.value()
        assert (first["available"], first["held"], first["level"]) == (5, 0, "LOW")
        await buyer.api.run("AddToCart", input={"dealId": deal_id, "quantity": 2})
        second = await client.value_with(available=3, held=2)
        assert order_of(second) > order_of(first)
        client.order("unsubscribe", of="1")
        await client.until("complete", of="1")
        before = len(client.seen)
        await buyer.api.run("UpdateCartItem", input={"dealId": deal_id, "quantity": 1})
        await client.value_with("other tab", available=4)
        assert [told for told in client.seen[before:] if told.get("of") == "1"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { nothing }", "BAD_USER_INPUT"),
        ("subscription { stockChanged(", "BAD_USER_INPUT"),
        ('subscription { countdown(dealId: "deal_none") { phase } }', "NOT_FOUND"),
        (CART, "UNAUTHENTICATED"),
    ],
    ids=["field", "syntax", "deal", "signed out"],
)
async def test_a_subscription_that_is_refused_ends_alone(
    ws: Connect, buyer: Buyer, shop: Shop, query: str, code: str
) -> None:
    deal_id = await shop.deal(allotment=5)
    async with ws() as client:
        client.subscribe(STOCK, of="lives", deal=deal_id)
        await client.value("lives")
        client.subscribe(query, of="bad")
        refused = await client.until("refused", of="bad")
        assert [error["extensions"]["code"] for error in refused["errors"]] == [code]
        await buyer.api.run("AddToCart", input={"dealId": deal_id})
        assert (await client.value_with("lives", available=4))["held"] == 1
        assert [told for told in client.seen if told["saw"] == "closed"] == []


async def test_connection_params_sign_in(ws: Connect, buyer: Buyer, shop: Shop) -> None:
    deal_id = await shop.deal()
    await buyer.api.run("AddToCart", input={"dealId": deal_id, "quantity": 2})
    async with ws(params=bearer(buyer.token)) as client:
        client.subscribe(CART)
        assert await client.value() == {"items": [{"quantity": 2, "deal": {"id": deal_id}}]}


async def test_a_browsers_cookie_signs_in_on_a_page_of_ours(
    ws: Connect, api: Api, buyer: Buyer
) -> None:
    headers = {"Cookie": f"{SESSION_COOKIE}={buyer.token}", "Origin": api.address}
    async with ws(headers=headers) as client:
        client.subscribe(CART)
        assert await client.value() == {"items": []}


async def test_a_page_of_another_origin_comes_in_when_it_is_allowed(ws: Connect) -> None:
    async with ws(headers={"Origin": OTHER_SHOP}) as client:
        await client.until("connected", again=False)
    async with ws(headers={"Origin": "https://evil.example"}) as client:
        told = await client.until("error")
        assert told["message"] == "Unexpected server response: 403"


async def test_all_sockets_of_a_session_end_with_it_and_no_others(
    ws: Connect, buyer: Buyer, shop: Shop
) -> None:
    deal_id = await shop.deal()
    params = bearer(buyer.token)
    async with ws(params=params) as one, ws(params=params) as two, ws() as stranger:
        for client in (one, two, stranger):
            client.subscribe(STOCK, deal=deal_id)
            await client.value()
        assert await buyer.api.run("Logout") is True
        for client in (one, two):
            told = await client.until("closed")
            assert (told["code"], told["reason"]) == (4403, "Session ended")
            refused = await client.until("refused", of="1")
            assert refused["code"] == 4403
        await shop.resources.dealdesk.pause(deal_id)
        stranger.subscribe(TITLE, of="still here", deal=deal_id)
        assert await stranger.value("still here") == {"title": "Tea, by the tin"}


async def test_a_client_that_pings_is_answered(ws: Connect) -> None:
    async with ws(keepAliveMs=50) as client:
        for _ in range(3):
            await client.until("ping", received=False)
            await client.until("pong", received=True)


async def closed(client: Program) -> tuple[int, str]:
    """How the server closed the socket of a client that does not come back."""
    told = await client.until("closed")
    return told["code"], told["reason"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", 4400),
        ('{"type": "start"}', 4400),
        ('{"type": "connection_init"}', 4429),
        (json.dumps({"type": "ping", "payload": {"x": "x" * 65_536}}), 1009),
    ],
    ids=["not json", "unknown type", "second init", "too big"],
)
async def test_a_message_that_breaks_the_protocol_closes_the_socket(
    ws: Connect, text: str, code: int
) -> None:
    async with ws() as client:
        await client.until("connected")
        client.order("say", text=text)
        assert (await closed(client))[0] == code


async def test_subscribing_before_the_init_is_4401(ws: Connect) -> None:
    early = {"type": "subscribe", "id": "1", "payload": {"query": "{ serverTime }"}}
    async with ws(firstWords=early) as client:
        assert await closed(client) == (4401, "Unauthorized")


async def test_a_token_that_opens_nothing_is_4403(ws: Connect) -> None:
    async with ws(params=bearer(new_token())) as client:
        assert await closed(client) == (4403, "Forbidden")


async def test_no_subprotocol_is_4406(ws: Connect) -> None:
    async with ws(protocols=[]) as client:
        assert await closed(client) == (4406, "Speak graphql-transport-ws")


async def test_a_client_of_the_legacy_protocol_finds_that_it_is_not_spoken(ws: Connect) -> None:
    async with ws(protocols=["graphql-ws"]) as client:
        # As browsers do, it gives up by itself when the handshake's answer names no protocol.
        assert (await client.until("error"))["message"] == "Server sent no subprotocol"


async def test_an_id_that_is_in_use_is_4409(ws: Connect, shop: Shop) -> None:
    deal_id = await shop.deal()
    async with ws(id="same") as client:
        client.subscribe(STOCK, deal=deal_id)
        await client.value()
        client.subscribe(STOCK, of="2", deal=deal_id)
        assert await closed(client) == (4409, "Subscriber for same already exists")
