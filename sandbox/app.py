"""A stateful stand-in for Stripe: a program of its own that takes payments with test cards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit.clock import Clock
from sandbox import challenge, control, events, intents, refunds
from sandbox.config import SandboxConfig
from sandbox.courier import Courier
from sandbox.desk import Desk, Operation
from sandbox.events import EventBook
from sandbox.faults import Mischief
from sandbox.store import Store

__all__ = ["SandboxConfig", "create_sandbox"]

_OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("POST", "/v1/payment_intents", Operation("create", intents.create)),
    ("GET", "/v1/payment_intents", Operation("list", intents.listing.page)),
    (
        "GET",
        "/v1/payment_intents/{intent}",
        Operation("retrieve", intents.retrieve, clients=True),
    ),
    ("POST", "/v1/payment_intents/{intent}", Operation("update", intents.update)),
    (
        "POST",
        "/v1/payment_intents/{intent}/confirm",
        Operation("confirm", intents.confirm, clients=True),
    ),
    ("POST", "/v1/payment_intents/{intent}/cancel", Operation("cancel", intents.cancel)),
    ("POST", "/v1/refunds", Operation("refund", refunds.create)),
    ("GET", "/v1/refunds", Operation("list_refunds", refunds.listing.page)),
    ("GET", "/v1/refunds/{refund}", Operation("retrieve_refund", refunds.retrieve)),
    ("GET", "/v1/events", Operation("list_events", events.listing.page)),
    ("GET", "/v1/events/{event}", Operation("retrieve_event", events.retrieve)),
)


def create_sandbox(config: SandboxConfig, clock: Clock | None = None) -> Starlette:
    """The sandbox as an ASGI application; its books are opened when it starts.

    Starting raises sandbox.store.DataFolderInUse when another one keeps the same books.
    """
    api = [Route(path, _endpoint(done), methods=[method]) for method, path, done in _OPERATIONS]
    own = [
        Route("/3ds/{challenge}", challenge.show, methods=["GET"]),
        Route("/3ds/{challenge}", challenge.answer, methods=["POST"]),
        Route("/sandbox/faults", control.guarded(control.show_faults), methods=["GET"]),
        Route("/sandbox/faults", control.guarded(control.change_faults), methods=["POST"]),
        Route("/sandbox/faults", control.guarded(control.clear_faults), methods=["DELETE"]),
        Route("/sandbox/ledger", control.guarded(control.show_ledger), methods=["GET"]),
        Route("/sandbox/forget_keys", control.guarded(control.forget_keys), methods=["POST"]),
        Route(
            "/sandbox/intents/{intent}/settle",
            control.guarded(control.settle_intent),
            methods=["POST"],
        ),
        Route("/healthz", _healthz, methods=["GET"]),
    ]
    return Starlette(
        routes=api + own,
        lifespan=_lifespan(config, clock or Clock()),
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=["Request-Id", "Idempotent-Replayed"],
            )
        ],
        exception_handlers={HTTPException: _unrecognized, Exception: _broken},
    )


def _endpoint(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        desk: Desk = request.state.desk
        return await desk.serve(request, operation)

    return serve


def _lifespan(
    config: SandboxConfig, clock: Clock
) -> Callable[[Starlette], Any]:  # Starlette's own alias wants a mapping it cannot name
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        store = Store(config.data_dir)
        try:
            mischief = Mischief()
            courier = Courier(store=store, config=config, clock=clock)
            book = EventBook(config=config, mischief=mischief, clock=clock)
            desk = Desk(
                config=config,
                store=store,
                mischief=mischief,
                book=book,
                courier=courier,
                clock=clock,
            )
            delivering = asyncio.create_task(courier.run())
            yield {"desk": desk, "mischief": mischief, "store": store}
            delivering.cancel()
            with suppress(asyncio.CancelledError):
                await delivering
        finally:
            store.close()

    return lifespan


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _unrecognized(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    body = {"error": {"type": "invalid_request_error", "message": message}}
    return JSONResponse(body, 404 if error.status_code == 405 else error.status_code)  # noqa: PLR2004 - as Stripe answers 405


async def _broken(_: Request, __: Exception) -> Response:
    body = {"error": {"type": "api_error", "message": "The sandbox has a fault of its own."}}
    return JSONResponse(body, 500)
