"""Clients whose server goes away come back by themselves, to the present."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from auth.seeding import seed_buyers
from kit.settings import Settings
from tests.clients.api_process import ApiProcess
from tests.clients.program import Program, running
from tests.clients.test_graphql_ws import STOCK, order_of
from tests.journey.client import Api
from tests.orders.shop import Shop

PERSISTENT = 50  # tries; the first wait is a second, and doubles


@pytest.fixture(scope="module")
async def own_process(
    npm_packages: Path, settings: Settings, stores_folder: Path
) -> AsyncIterator[ApiProcess]:
    assert npm_packages.is_dir()
    async with ApiProcess(settings, stores_folder) as started:
        yield started


async def follow_through_a_restart(
    client: Program, process: ApiProcess, shop: Shop, by: signal.Signals
) -> None:
    """Follow a deal that changes before, during and after the server is away."""
    deal_id = await shop.deal(allotment=10, limit=9)
    (token,) = await seed_buyers(shop.resources.pool, buyers=1, session_days=1)
    async with httpx.AsyncClient() as http:
        buyer = Api(http, process.address, token)
        client.subscribe(STOCK, deal=deal_id)
        assert (await client.value())["available"] == 10
        await buyer.run("AddToCart", input={"dealId": deal_id})
        await client.value_with(available=9)
        await process.stop(by)
        viewer = await shop.resources.sessions.viewer(token)
        await shop.resources.carts.add(viewer.user_id, deal_id=deal_id, quantity=1, key=None)
        await process.start()
        await client.until("connected", again=True)
        assert (await client.value())["available"] == 8
        await buyer.run("AddToCart", input={"dealId": deal_id})
        await client.value_with(available=7)
    told = [seen["payload"]["data"]["stockChanged"] for seen in client.seen if "payload" in seen]
    assert [order_of(stock) for stock in told] == sorted({order_of(stock) for stock in told})


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
async def test_graphql_ws_comes_back_to_the_present(
    own_process: ApiProcess, shop: Shop, by: signal.Signals
) -> None:
    address = own_process.address.replace("http", "ws", 1) + "/graphql"
    async with running("socket.mjs", url=address, retryAttempts=PERSISTENT) as client:
        await follow_through_a_restart(client, own_process, shop, by)
        codes = [told["code"] for told in client.seen if told["saw"] == "closed"]
    assert codes[0] == (1012 if by == signal.SIGTERM else 1006)


async def test_graphql_ws_comes_back_after_a_link_that_was_given_up(
    own_process: ApiProcess, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=3)
    address = own_process.address.replace("http", "ws", 1) + "/graphql"
    async with running("socket.mjs", url=address, retryAttempts=PERSISTENT) as client:
        client.subscribe(STOCK, deal=deal_id)
        first = await client.value()
        client.order("cut")
        await client.until("connected", again=True)
        again = await client.value()
    assert (order_of(again), again["available"]) == (order_of(first), 3)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
async def test_graphql_sse_comes_back_to_the_present(
    own_process: ApiProcess, shop: Shop, by: signal.Signals
) -> None:
    address = f"{own_process.address}/graphql"
    async with running("stream.mjs", url=address, retryAttempts=PERSISTENT) as client:
        await follow_through_a_restart(client, own_process, shop, by)
