"""The API process: its routes, its middleware, and what it opens while it lives."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute

from auth.oidc import oidc_routes
from graph.answers import MakeContext
from graph.context import Context, RequestFacts
from graph.crowding import Crowding
from graph.endpoint import GraphQLEndpoint
from graph.execution import Execution
from graph.express import Express
from graph.farewell import Farewell
from graph.front_door import Answer, Answered, Client, FrontDoor
from graph.groups import Groups
from graph.health import Health
from graph.lanes import Lanes, RawHeaders
from graph.library import open_library, trusted_documents
from graph.metrics import Metrics
from graph.middleware import edge_middleware
from graph.open_sessions import OpenSessions
from graph.pages import page_routes
from graph.pressure import Pressure
from graph.public_answers import PublicAnswers
from graph.response_cache import ResponseCache
from graph.schema import build_schema
from graph.socket import GraphQLSocket
from graph.switchboard import Switchboard
from graph.turnstile import Turnstile
from graph.webhooks import PaymentWebhook
from kit.settings import Settings
from loaders.loaders import Loaders
from notifications.receiver import Receiver
from runtime.resources import Resources, open_resources
from subscriptions.hub import Hub


def create_app(settings: Settings, *, resources: Resources | None = None) -> Starlette:
    """The ASGI application. Opens nothing before its lifespan starts.

    Resources that are given are used, and left open; otherwise it opens and closes its own.
    Whoever serves it says `app.state.farewell` before it waits for what is open, and may ask
    `front_door(app)` before it calls it.

    Raises:
        SettingsError: a trusted document is of no use; one line that names its file.
    """
    schema = build_schema(settings)
    trouble_of = schema.documents.trouble_of
    trusted = trusted_documents(settings, trouble_of)
    farewell = Farewell(ends_per_second=settings.socket_ends_per_second)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        open_sessions = OpenSessions()
        async with AsyncExitStack() as stack:
            opened = resources
            if opened is None:
                opened = await stack.enter_async_context(open_resources(settings))
            cache = ResponseCache(most_bytes=settings.response_cache_bytes, hears=opened.hears)
            receivers: list[Receiver] = [opened.sold_out, opened.productbook, cache]
            hub = await stack.enter_async_context(
                Hub(
                    broadcast=opened.broadcast,
                    stockboard=opened.stockboard,
                    dealbook=opened.dealbook,
                    sessions=opened.sessions,
                    clock=opened.clock,
                    on_session_ended=open_sessions.close_session,
                    stock_changes_per_second=settings.stock_changes_per_second,
                    receivers=receivers,
                )
            )
            metrics = Metrics(opened.driftbook.counts)
            await stack.enter_async_context(opened.tally.telling(metrics.open_sockets))
            execution = Execution(schema, _contexts(opened, hub), metrics)
            groups = Groups(execution, most_groups=settings.live_groups)
            stack.push_async_callback(groups.aclose)
            library = open_library(trusted, opened.redis, settings, trouble_of)
            stack.push_async_callback(library.aclose)
            board = Switchboard(
                execution,
                groups,
                settings=settings,
                library=library,
                open_sessions=open_sessions,
                crowding=Crowding(settings),
                farewell=farewell,
            )
            stack.push_async_callback(board.errands.aclose)
            pressure = await stack.enter_async_context(
                Pressure(most_lag_seconds=settings.shed_lag_ms / 1_000)
            )
            turnstile = Turnstile(execution, pressure)
            public = PublicAnswers(
                cache,
                execute=turnstile.read,
                make_context=execution.make_context,
                clock=opened.clock,
            )
            stack.push_async_callback(public.aclose)
            lanes = Lanes(settings)
            express = _open_express(opened, lanes, public, turnstile, metrics)
            receivers.append(express)
            for receiver in receivers:
                opened.announcer.also_tell(receiver)
            endpoint = GraphQLEndpoint(
                board, settings, turnstile=turnstile, public=public, express=express
            )
            app.router.routes[:] = _routes(opened, board, endpoint)
            app.state.front_door = FrontDoor(
                settings,
                lanes=lanes,
                express=express,
                endpoint=endpoint,
                make_context=execution.make_context,
                metrics=metrics,
            )
            yield

    app = Starlette(lifespan=lifespan, middleware=edge_middleware(settings))
    app.state.farewell = farewell
    app.state.front_door = None
    return app


def front_door(app: Starlette) -> Answer:
    """What a server may ask before it calls the application. It knows nothing before the start."""

    def answer(headers: RawHeaders, body: bytes, client: Client) -> Answered:
        door: FrontDoor | None = app.state.front_door
        return None if door is None else door.answer(headers, body, client)

    return answer


def _open_express(
    resources: Resources,
    lanes: Lanes,
    public: PublicAnswers,
    turnstile: Turnstile,
    metrics: Metrics,
) -> Express:
    def on_refusal(deal_id: str) -> None:
        metrics.express("mutation")
        resources.tally.refused(deal_id, "SOLD_OUT")

    return Express(
        lanes,
        public=public,
        known_viewer=resources.sessions.known,
        carts=resources.carts,
        turnstile=turnstile,
        on_hit=lambda: metrics.express("query"),
        on_refusal=on_refusal,
        on_overload=metrics.overloaded,
    )


def _contexts(resources: Resources, hub: Hub) -> MakeContext:
    def make_context(request: RequestFacts) -> Context:
        return Context(resources=resources, hub=hub, loaders=Loaders(resources), request=request)

    return make_context


def _routes(resources: Resources, board: Switchboard, endpoint: GraphQLEndpoint) -> list[BaseRoute]:
    settings, metrics = resources.settings, board.metrics
    webhook = PaymentWebhook(resources.pool, settings.stripe_webhook_secret, metrics)
    health = Health(
        needed={
            "postgres": lambda: resources.pool.fetchval("SELECT 1"),
            "redis": resources.redis.ping,
        },
        wanted={"mongo": lambda: resources.mongo.command("ping")},
    )
    return [
        *page_routes(settings),
        Route("/graphql", endpoint),
        WebSocketRoute("/graphql", GraphQLSocket(board, settings)),
        Route("/webhooks/stripe", webhook.receive, methods=["POST"]),
        Route("/healthz", health.alive, methods=["GET"]),
        Route("/readyz", health.ready, methods=["GET"]),
        Route("/metrics", metrics.scrape, methods=["GET"]),
        *oidc_routes(settings, resources.accounts, resources.sessions),
    ]
