"""Peer: Strawberry's own GraphQL application on stock uvicorn, everything from memory."""

import asyncio
import gc
import sys
from collections.abc import AsyncGenerator

import orjson
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from bench.peers.strawberry_deals import DealConnection, DealPhase, DealSort, Stock

latest: dict[str, Stock] = {}
readers: dict[str, set[asyncio.Queue[Stock]]] = {}


lists: list[DealConnection] = []
stocks: dict[str, Stock] = {}


@strawberry.type
class Query:
    """The deal list."""

    @strawberry.field
    def deals(
        self,
        phase: DealPhase = DealPhase.LIVE,
        sort: DealSort = DealSort.ENDING_SOON,
        first: int = 20,
    ) -> DealConnection:
        """The list that was loaded: whatever is asked for, it is this."""
        del phase, sort, first
        return lists[-1]


@strawberry.type
class Subscription:
    """The root of subscriptions."""

    @strawberry.subscription
    async def stock_changed(self, deal_ids: list[strawberry.ID]) -> AsyncGenerator[Stock, None]:
        """The present stock, then each change."""
        queue: asyncio.Queue[Stock] = asyncio.Queue()
        for deal_id in deal_ids:
            readers.setdefault(deal_id, set()).add(queue)
            if deal_id in latest:
                queue.put_nowait(latest[deal_id])
        try:
            while True:
                yield await queue.get()
        finally:
            for deal_id in deal_ids:
                readers[deal_id].discard(queue)


async def publish(request: Request) -> PlainTextResponse:
    """Tell everybody one event."""
    told = orjson.loads(await request.body())
    stock = Stock.of(told)
    if told["dealId"] in stocks:
        vars(stocks[told["dealId"]]).update(vars(stock))
    latest[stock.deal_id] = stock
    for queue in readers.get(stock.deal_id, ()):
        queue.put_nowait(stock)
    return PlainTextResponse("ok")


async def load(request: Request) -> PlainTextResponse:
    """Take the list as ours answered it."""
    lists[:] = [DealConnection.of(orjson.loads(await request.body()))]
    stocks.clear()
    stocks.update({deal.id: deal.stock for deal in lists[-1].nodes})
    return PlainTextResponse("ok")


async def collect(_request: Request) -> PlainTextResponse:
    """Collect garbage, before memory is read."""
    gc.collect()
    return PlainTextResponse("ok")


async def healthz(_request: Request) -> PlainTextResponse:
    """It serves."""
    return PlainTextResponse("ok")


schema = strawberry.Schema(
    query=Query, subscription=Subscription, extensions=[ParserCache, ValidationCache]
)
door = GraphQL[None, None](schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
app = Starlette(
    routes=[
        Route("/publish", publish, methods=["POST"]),
        Route("/load", load, methods=["POST"]),
        Route("/collect", collect, methods=["POST"]),
        Route("/healthz", healthz),
        Route("/graphql", door, methods=["POST"]),
        WebSocketRoute("/graphql", door),
    ]
)

if __name__ == "__main__":
    # Compression is off, as in ours: its best shape.
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="error",
        backlog=4096,
    )
