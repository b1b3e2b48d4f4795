"""A name for every request, in its answer and in every line that is logged about it."""

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.answers import plain_answer
from graph.errors import MASKED
from graph.requests import request_id_of

log = structlog.get_logger()


class RequestIds:
    """ASGI middleware. Also the last to catch what went wrong: nobody is shown a stack trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer 500 in GraphQL's form when that fails before an answer."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        started = False

        async def send_named(message: Message) -> None:
            nonlocal started
            if message["type"] in {"http.response.start", "websocket.accept"}:
                started = True
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_named)
            except Exception:
                if started or scope["type"] != "http":
                    raise
                log.exception("request_failed", path=scope["path"])
                body = plain_answer("INTERNAL", MASKED, requestId=request_id).to_json()
                head = [(b"content-type", b"application/json; charset=utf-8")]
                await send_named({"type": "http.response.start", "status": 500, "headers": head})
                await send_named({"type": "http.response.body", "body": body})
