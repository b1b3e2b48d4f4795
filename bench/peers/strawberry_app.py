"""Peer: Strawberry's own GraphQL application on stock uvicorn, with a plain asyncio source."""

import asyncio
import enum
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
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL


@strawberry.enum
class StockLevel(enum.Enum):
    """How much is left."""

    AVAILABLE = "AVAILABLE"
    LOW = "LOW"
    SOLD_OUT = "SOLD_OUT"


@strawberry.type
class Stock:
    """The same fields as ours."""

    id: strawberry.ID
    deal_id: strawberry.ID
    allotment: int
    available: int
    held: int
    sold: int
    level: StockLevel
    epoch: int
    version: int
    as_of: str


latest: dict[str, Stock] = {}
readers: dict[str, set[asyncio.Queue[Stock]]] = {}


@strawberry.type
class Query:
    """There has to be one."""

    healthy: bool = True


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
    stock = Stock(
        id=told["id"],
        deal_id=told["dealId"],
        allotment=told["allotment"],
        available=told["available"],
        held=told["held"],
        sold=told["sold"],
        level=StockLevel(told["level"]),
        epoch=told["epoch"],
        version=told["version"],
        as_of=told["asOf"],
    )
    latest[stock.deal_id] = stock
    for queue in readers.get(stock.deal_id, ()):
        queue.put_nowait(stock)
    return PlainTextResponse("ok")


async def collect(_request: Request) -> PlainTextResponse:
    """Collect garbage, before memory is read."""
    gc.collect()
    return PlainTextResponse("ok")


async def healthz(_request: Request) -> PlainTextResponse:
    """It serves."""
    return PlainTextResponse("ok")


schema = strawberry.Schema(query=Query, subscription=Subscription)
door = GraphQL[None, None](schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
app = Starlette(
    routes=[
        Route("/publish", publish, methods=["POST"]),
        Route("/collect", collect, methods=["POST"]),
        Route("/healthz", healthz),
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
        log_level="error",
        backlog=4096,
    )
