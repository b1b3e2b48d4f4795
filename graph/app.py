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
from graph.farewell import Farewell
from graph.groups import Groups
from graph.health import Health
from graph.library import document_check, open_library, trusted_documents
from graph.metrics import Metrics
from graph.middleware import edge_middleware
from graph.open_sessions import OpenSessions
from graph.pages import page_routes
from graph.schema import build_schema
from graph.socket import GraphQLSocket
from graph.switchboard import Switchboard
from graph.webhooks import PaymentWebhook
from kit.settings import Settings
from loaders.loaders import Loaders
from runtime.resources import Resources, open_resources
from subscriptions.hub import Hub


def create_app(settings: Settings, *, resources: Resources | None = None) -> Starlette:
    """The ASGI application. Opens nothing before its lifespan starts.

    Resources that are given are used, and left open; otherwise it opens and closes its own.
    Whoever serves it says `app.state.farewell` before it waits for what is open.

    Raises:
        SettingsError: a trusted document is of no use; one line that names its file.
    """
    schema = build_schema(settings)
    trouble_of = document_check(schema, settings)
    trusted = trusted_documents(settings, trouble_of)
    farewell = Farewell(ends_per_second=settings.socket_ends_per_second)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        open_sessions = OpenSessions()
        async with AsyncExitStack() as stack:
            opened = resources
            if opened is None:
                opened = await stack.enter_async_context(open_resources(settings))
            hub = await stack.enter_async_context(
                Hub(
                    broadcast=opened.broadcast,
                    stockboard=opened.stockboard,
                    dealbook=opened.dealbook,
                    sessions=opened.sessions,
                    clock=opened.clock,
                    on_session_ended=open_sessions.close_session,
                    stock_changes_per_second=settings.stock_changes_per_second,
                )
            )
            metrics = Metrics(opened.driftbook.counts)
            await stack.enter_async_context(opened.tally.telling(metrics.open_sockets))
            execution = Execution(schema, _contexts(opened, hub), metrics)
            groups = Groups(
                execution, most_tokens=settings.query_tokens, most_groups=settings.live_groups
            )
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
            app.router.routes[:] = _routes(opened, board)
            yield

    app = Starlette(lifespan=lifespan, middleware=edge_middleware(settings))
    app.state.farewell = farewell
    return app


def _contexts(resources: Resources, hub: Hub) -> MakeContext:
    def make_context(request: RequestFacts) -> Context:
        return Context(resources=resources, hub=hub, loaders=Loaders(resources), request=request)

    return make_context


def _routes(resources: Resources, board: Switchboard) -> list[BaseRoute]:
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
        Route("/graphql", GraphQLEndpoint(board, settings)),
        WebSocketRoute("/graphql", GraphQLSocket(board, settings)),
        Route("/webhooks/stripe", webhook.receive, methods=["POST"]),
        Route("/healthz", health.alive, methods=["GET"]),
        Route("/readyz", health.ready, methods=["GET"]),
        Route("/metrics", metrics.scrape, methods=["GET"]),
        *oidc_routes(settings, resources.accounts, resources.sessions),
    ]
