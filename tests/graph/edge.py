"""The edge with a small schema and no stores, served by a real uvicorn on a real socket."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from admission.errors import RateLimited
from auth.errors import Unauthenticated
from auth.sessions import Viewer, hash_token, new_token
from graph.context import ApiError, Context, Info, RequestFacts
from graph.conversation import Pace
from graph.endpoint import GraphQLEndpoint
from graph.errors import EdgeSchema
from graph.limits import operation_extensions
from graph.metrics import Metrics
from graph.open_sessions import OpenSessions
from graph.request_ids import RequestIds
from graph.socket import GraphQLSocket
from kit.settings import Settings, load_settings
from orders.errors import TryLater

SHOP = "https://shop.example"
PACE = Pace(init_within=0.3, ping_every=0.2, drain_within=5, answer_within=2)


class FakeSessions:
    """Sessions in memory; they live until they are ended."""

    def __init__(self) -> None:
        self.viewers: dict[str, Viewer] = {}
        self.lookups = 0

    def open(self, role: str = "BUYER") -> str:
        token = new_token()
        self.viewers[token] = Viewer(f"usr_{len(self.viewers)}", role, hash_token(token))
        return token

    def end(self, token: str) -> None:
        del self.viewers[token]

    async def viewer(self, token: str) -> Viewer:
        self.lookups += 1
        try:
            return self.viewers[token]
        except KeyError:
            raise Unauthenticated from None


class FakeLimiter:
    """Refuses the buyer called flood."""

    def __init__(self) -> None:
        self.admitted: list[tuple[str, str | None, str | None]] = []

    async def admit(
        self, scope: str, *, buyer: str | None, address: str | None, cost: int = 1
    ) -> None:
        if buyer == "flood":
            raise RateLimited(1_500)
        self.admitted.extend([(scope, buyer, address)] * cost)


@dataclass
class Fakes:
    """What the small schema's fields have instead of stores."""

    sessions: FakeSessions = field(default_factory=FakeSessions)
    limiter: FakeLimiter = field(default_factory=FakeLimiter)
    open_sessions: OpenSessions = field(default_factory=OpenSessions)
    calls: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)


def fakes_of(info: Info) -> Fakes:
    return cast("Fakes", info.context.resources)


@strawberry.type
class Line:
    title: str
    deal: "Deal"


@strawberry.type
class Deal:
    id: str

    @strawberry.field
    def lines(self) -> list[Line]:
        return []

    @strawberry.field
    def more(self, first: int = 20) -> "DealConnection":
        return DealConnection(nodes=[Deal(id=str(n)) for n in range(first)])

    @strawberry.field
    def same(self) -> "Deal":
        return self


@strawberry.type
class DealConnection:
    nodes: list[Deal]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "you") -> str:
        return f"hello {name}"

    @strawberry.field
    def quantity(self, info: Info, of: int) -> int:
        _note(info, "quantity")
        return of

    @strawberry.field
    def deals(self, first: int = 20) -> DealConnection:
        return DealConnection(nodes=[Deal(id=str(n)) for n in range(first)])

    @strawberry.field
    def deal(self) -> Deal:
        return Deal(id="1")

    @strawberry.field
    async def me(self, info: Info) -> str | None:
        viewer = await info.context.viewer_or_none()
        return None if viewer is None else viewer.user_id

    @strawberry.field
    async def cart(self, info: Info) -> str:
        return (await info.context.viewer()).user_id

    @strawberry.field
    async def desk(self, info: Info) -> str:
        return (await info.context.operator()).user_id

    @strawberry.field
    def boom(self) -> str | None:
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def later(self) -> str:
        raise TryLater(retry_after_ms=250, reason="the till is busy")

    @strawberry.field
    def bad_page(self) -> str | None:
        raise ApiError("BAD_USER_INPUT", "first must be 1 to 100.", field="first")

    @strawberry.field
    async def wait(self, info: Info) -> str:
        fakes = fakes_of(info)
        fakes.calls.append("wait")
        await fakes.gate.wait()
        return "waited"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def login(self, info: Info, name: str) -> str:
        await info.context.admit("sign_in", buyer=name)
        _note(info, "login")
        info.context.sign_in_browser("fss_token", datetime.now(UTC) + timedelta(days=1))
        return name

    @strawberry.mutation
    async def place_order(self, info: Info, key: str) -> str:
        _note(info, "placeOrder")
        return key

    @strawberry.mutation
    async def add_to_cart(self, info: Info, name: str) -> str:
        await info.context.admit("cart", buyer=name)
        return name

    @strawberry.mutation
    async def logout(self, info: Info) -> bool:
        viewer = await info.context.viewer()
        fakes = fakes_of(info)
        fakes.sessions.end(str(info.context.request.token))
        info.context.sign_out_browser()
        fakes.open_sessions.close_session(viewer.token_hash)
        await asyncio.sleep(0)
        return True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, up_to: int) -> AsyncGenerator[int, None]:
        for number in range(1, up_to + 1):
            yield number

    @strawberry.subscription
    async def forever(self, info: Info) -> AsyncGenerator[int, None]:
        fakes = fakes_of(info)
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            fakes.calls.append("forever ended")

    @strawberry.subscription
    async def mine(self, info: Info) -> AsyncGenerator[str, None]:
        yield (await info.context.viewer()).user_id
        await asyncio.Event().wait()

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 1
        raise RuntimeError("the password is hunter2")


def _note(info: Info, call: str) -> None:
    fakes_of(info).calls.append(call)


@dataclass
class Edge:
    """The edge as a test sees it."""

    port: int
    http: httpx.AsyncClient
    fakes: Fakes
    metrics: Metrics
    contexts: list[Context]

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


def small_schema(settings: Settings) -> EdgeSchema:
    return EdgeSchema(Query, Mutation, Subscription, extensions=operation_extensions(settings))


@asynccontextmanager
async def serve_edge(settings: Settings, *, most_at_once: int = 100) -> AsyncIterator[Edge]:
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

    endpoint = GraphQLEndpoint(
        schema,
        make_context,
        settings=settings,
        metrics=metrics,
        open_sessions=fakes.open_sessions,
        most_at_once=most_at_once,
    )
    door = GraphQLSocket(
        schema,
        make_context,
        settings=settings,
        metrics=metrics,
        open_sessions=fakes.open_sessions,
        pace=PACE,
    )
    app = Starlette(
        routes=[
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", door),
            Route("/metrics", metrics.scrape),
        ],
        middleware=[Middleware(RequestIds)],
    )
    async with (
        serve(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http,
    ):
        yield Edge(port=port, http=http, fakes=fakes, metrics=metrics, contexts=contexts)


@asynccontextmanager
async def serve(app: Starlette) -> AsyncIterator[int]:
    """Serve an application on a free port of loopback, in this event loop."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=1024 * 1024,  # larger than ours: the test is of our own limit
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
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
        while not condition():  # noqa: ASYNC110 - the subject of the test has no event to wait for
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

    async def init(self, token: str | None = None) -> None:
        payload = {} if token is None else {"authorization": f"Bearer {token}"}
        await self.send(type="connection_init", payload=payload)
        assert await self.read() == {"type": "connection_ack"}

    async def subscribe(self, operation_id: str, query: str) -> None:
        await self.send(type="subscribe", id=operation_id, payload={"query": query})

    async def closed(self) -> tuple[int | None, str | None]:
        """Read until the other side has closed; its code and reason."""
        async with asyncio.timeout(10):
            async for _ in self.connection:
                pass
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason
