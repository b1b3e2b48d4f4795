"""The edge with a small schema and no stores, served by a real uvicorn on a real socket."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import httpx
import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from graph.answers import MakeContext
from graph.context import Context, RequestFacts
from graph.crowding import Crowding
from graph.endpoint import GraphQLEndpoint
from graph.execution import Execution
from graph.express import Express
from graph.farewell import Farewell
from graph.front_door import Answer, FrontDoor
from graph.groups import Groups
from graph.lanes import Lanes
from graph.library import Library, open_library
from graph.metrics import Metrics
from graph.middleware import edge_middleware
from graph.pressure import Pressure
from graph.public_answers import PublicAnswers
from graph.response_cache import ResponseCache
from graph.socket import GraphQLSocket
from graph.switchboard import Pace, Switchboard
from graph.trusted import Trusted
from graph.turnstile import Turnstile
from kit.redis_client import open_redis
from kit.settings import Settings, load_settings
from runtime.http_protocol import express_http
from runtime.server import Server
from runtime.socket_protocol import BoundedSocket
from tests.graph.fakes import Fakes, FakeSessions
from tests.graph.small_schema import small_schema

SHOP = "https://shop.example"
NOWHERE = "redis://127.0.0.1:1/0"
PACE = Pace(init_within=0.3, ping_every=0.2, drain_within=5, answer_within=2)


@dataclass
class Edge:
    """The edge as a test sees it."""

    port: int
    http: httpx.AsyncClient
    fakes: Fakes
    metrics: Metrics
    contexts: list[Context]
    make_context: MakeContext
    groups: Groups
    board: Switchboard
    cache: ResponseCache
    express: Express
    pressure: Pressure

    @property
    def calls(self) -> list[str]:
        return self.fakes.calls

    @property
    def sessions(self) -> FakeSessions:
        return self.fakes.sessions

    async def post(
        self,
        query: object,
        variables: object = None,
        *,
        accept: str = "application/graphql-response+json",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        return await self.http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"Accept": accept, **(headers or {})},
        )

    def socket(
        self, *, protocols: tuple[str, ...] = ("graphql-transport-ws",), **headers: str
    ) -> connect:
        return connect(
            f"ws://127.0.0.1:{self.port}/graphql",
            subprotocols=[Subprotocol(each) for each in protocols] or None,
            additional_headers=headers,
        )


def edge_settings(**given: object) -> Settings:
    return load_settings(public_origins=SHOP, socket_operations=5, **given)


def edge_library(
    settings: Settings, trusted: Trusted | None = None, redis: Redis | None = None
) -> Library:
    """Documents of the small schema; without a Redis, as if that were away."""
    trouble_of = small_schema(settings).documents.trouble_of
    redis = redis or open_redis(NOWHERE, connections=4)
    return open_library(trusted or Trusted(), redis, settings, trouble_of)


@asynccontextmanager
async def serve_edge(
    settings: Settings,
    *,
    most_at_once: int = 100,
    pace: Pace = PACE,
    trusted: Trusted | None = None,
    redis: Redis | None = None,
) -> AsyncIterator[Edge]:
    """Serve the small schema until the block ends."""
    schema, metrics, fakes = small_schema(settings), Metrics(), Fakes()
    contexts: list[Context] = []

    def make_context(request: RequestFacts) -> Context:
        context = Context(
            resources=cast("Any", fakes),
            hub=cast("Any", None),
            loaders=cast("Any", object()),
            request=request,
        )
        contexts.append(context)
        return context

    execution = Execution(schema, make_context, metrics)
    groups = Groups(execution, most_groups=settings.live_groups)
    sessions = fakes.open_sessions
    farewell = Farewell(ends_per_second=settings.socket_ends_per_second)
    board = Switchboard(
        execution,
        groups,
        settings=settings,
        library=edge_library(settings, trusted, redis),
        open_sessions=sessions,
        crowding=Crowding(settings),
        farewell=farewell,
        pace=pace,
    )
    cache = ResponseCache(most_bytes=settings.response_cache_bytes, hears=lambda: fakes.hears)
    pressure = Pressure(most_lag_seconds=settings.shed_lag_ms / 1_000)
    turnstile = Turnstile(execution, pressure, most_at_once=most_at_once)
    public = PublicAnswers(
        cache, execute=turnstile.read, make_context=make_context, clock=fakes.clock
    )
    lanes = Lanes(settings)
    express = Express(
        lanes,
        public=public,
        known_viewer=fakes.sessions.known,
        carts=fakes,
        turnstile=turnstile,
        on_hit=lambda: metrics.express("query"),
        on_refusal=lambda _: metrics.express("mutation"),
        on_overload=metrics.overloaded,
    )
    endpoint = GraphQLEndpoint(board, settings, turnstile=turnstile, public=public, express=express)
    door = FrontDoor(
        settings,
        lanes=lanes,
        express=express,
        endpoint=endpoint,
        make_context=make_context,
        metrics=metrics,
    )
    app = Starlette(
        routes=[
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", GraphQLSocket(board, settings)),
            Route("/metrics", metrics.scrape),
        ],
        middleware=edge_middleware(settings),
    )
    async with (
        pressure,
        serve(app, on_stop=farewell.say, front_door=door.answer) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http,
    ):
        yield Edge(
            port=port,
            http=http,
            fakes=fakes,
            metrics=metrics,
            contexts=contexts,
            make_context=make_context,
            groups=groups,
            board=board,
            cache=cache,
            express=express,
            pressure=pressure,
        )
        await public.aclose()


@asynccontextmanager
async def serve(
    app: Starlette,
    *,
    on_stop: Callable[[], None] = lambda: None,
    front_door: Answer = lambda _headers, _body, _client: None,
) -> AsyncIterator[int]:
    """Serve an application on a free port of loopback, in this event loop."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = Server(
        uvicorn.Config(
            app,
            http=express_http(front_door),
            ws=BoundedSocket,
            ws_max_size=1024 * 1024,  # larger than ours: the test is of our own limit
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        ),
        on_stop,
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await until(lambda: server.started)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listening.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no event tells, for at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class Talk:
    """One socket, as a client of graphql-transport-ws uses it; pings of the server are skipped."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: object) -> None:
        await self.connection.send(json.dumps(message))

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while True:
                frame = await self.connection.recv()
                assert isinstance(frame, str), "clients expect text frames"
                message: dict[str, Any] = json.loads(frame)
                if message["type"] != "ping":
                    return message
                await self.send(type="pong")

    async def init(self, token: str | None = None) -> None:
        payload = {} if token is None else {"authorization": f"Bearer {token}"}
        await self.send(type="connection_init", payload=payload)
        assert await self.read() == {"type": "connection_ack"}

    async def subscribe(self, operation_id: str, query: str) -> None:
        await self.send(type="subscribe", id=operation_id, payload={"query": query})

    async def closed(self) -> tuple[int | None, str | None]:
        """Read until the other side has closed; its code and reason."""
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionClosedError):
                while True:
                    await self.connection.recv()
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason
