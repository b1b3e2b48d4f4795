"""The API process: its routes, its middleware, and what it opens while it lives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from strawberry import Schema

from auth.oidc import oidc_routes
from graph.context import Context, RequestFacts
from graph.endpoint import GraphQLEndpoint
from graph.health import Health
from graph.metrics import Metrics
from graph.middleware import edge_middleware
from graph.open_sessions import OpenSessions
from graph.schema import build_schema
from graph.socket import GraphQLSocket
from graph.webhooks import PaymentWebhook
from kit.settings import Settings, load_settings
from loaders.loaders import Loaders
from runtime.resources import Resources, open_resources
from subscriptions.hub import Hub


def create_app(settings: Settings | None = None) -> Starlette:
    """The ASGI application; without settings it reads the environment, as several processes do.

    Opens nothing before its lifespan starts.
    """
    chosen = settings or load_settings()
    schema = build_schema(chosen)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        open_sessions = OpenSessions()
        async with (
            open_resources(chosen) as resources,
            Hub(
                broadcast=resources.broadcast,
                stockboard=resources.stockboard,
                dealbook=resources.dealbook,
                sessions=resources.sessions,
                clock=resources.clock,
                on_session_ended=open_sessions.close_session,
            ) as hub,
        ):
            app.router.routes[:] = _routes(schema, resources, hub, open_sessions)
            yield

    return Starlette(lifespan=lifespan, middleware=edge_middleware(chosen))


def _routes(
    schema: Schema, resources: Resources, hub: Hub, open_sessions: OpenSessions
) -> list[BaseRoute]:
    settings = resources.settings
    metrics = Metrics()

    def make_context(request: RequestFacts) -> Context:
        return Context(resources=resources, hub=hub, loaders=Loaders(resources), request=request)

    endpoint = GraphQLEndpoint(
        schema, make_context, settings=settings, metrics=metrics, open_sessions=open_sessions
    )
    socket = GraphQLSocket(
        schema, make_context, settings=settings, metrics=metrics, open_sessions=open_sessions
    )
    webhook = PaymentWebhook(resources.pool, settings.stripe_webhook_secret, metrics)
    health = Health(
        needed={
            "postgres": lambda: resources.pool.fetchval("SELECT 1"),
            "redis": resources.redis.ping,
        },
        wanted={"mongo": lambda: resources.mongo.command("ping")},
    )
    return [
        Route("/", _home, methods=["GET"]),
        Route("/graphql", endpoint),
        WebSocketRoute("/graphql", socket),
        Route("/webhooks/stripe", webhook.receive, methods=["POST"]),
        Route("/healthz", health.alive, methods=["GET"]),
        Route("/readyz", health.ready, methods=["GET"]),
        Route("/metrics", metrics.scrape, methods=["GET"]),
        *oidc_routes(settings, resources.accounts, resources.sessions),
    ]


async def _home(_request: Request) -> RedirectResponse:
    """To where the schema can be tried; pages come later."""
    return RedirectResponse("/graphql")
