"""Results as server-sent events, for clients that cannot use WebSockets (graphql-sse, distinct)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from auth.sessions import Viewer
from graph.answers import Answer, MakeContext, present, present_refusal
from graph.context import Context
from graph.metrics import Metrics
from graph.open_sessions import OpenSessions, session_lives

# Proxies cut connections that are silent for long: nginx after 60 s, some after 30 s.
KEEPALIVE_SECONDS: Final = 15.0

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_COMPLETE: Final = b"event: complete\ndata:\n\n"
_KEEPALIVE: Final = b":\n\n"


class EventStream:
    """An ASGI response that ends with its operation, its client or its viewer's session."""

    status_code: Final = 200

    def __init__(
        self,
        results: AsyncGenerator[Any, None],
        *,
        context: Context,
        make_context: MakeContext,
        metrics: Metrics,
        open_sessions: OpenSessions,
        keepalive_seconds: float = KEEPALIVE_SECONDS,
    ) -> None:
        self._results = results
        self._context = context
        self._make_context = make_context
        self._metrics = metrics
        self._open_sessions = open_sessions
        self._keepalive_seconds = keepalive_seconds
        self._ended = asyncio.Event()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Push each result as a `next` event, then `complete`."""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        gone = asyncio.create_task(_gone(receive))
        ended = asyncio.create_task(self._ended.wait())
        try:
            with (
                self._metrics.socket_operations.track_inprogress(),
                contextlib.ExitStack() as stack,
            ):
                viewer = await self._context.viewer_or_none()
                if viewer is not None:
                    stack.enter_context(
                        self._open_sessions.watch(viewer.token_hash, self._ended.set)
                    )
                async with contextlib.aclosing(self._events(viewer, gone, ended)) as events:
                    async for event in events:
                        await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": _COMPLETE})
        finally:
            gone.cancel()
            ended.cancel()

    async def _events(
        self, viewer: Viewer | None, *ends: asyncio.Task[Any]
    ) -> AsyncGenerator[bytes, None]:
        """Events until the results, or what they need, come to an end."""
        async with contextlib.aclosing(self._answers()) as answers:
            while True:
                upcoming = asyncio.ensure_future(anext(answers, None))
                try:
                    while not upcoming.done():
                        await asyncio.wait(
                            (upcoming, *ends),
                            timeout=self._keepalive_seconds,
                            return_when=asyncio.FIRST_COMPLETED,
                        )
                        if any(end.done() for end in ends):
                            return
                        if not upcoming.done():
                            if viewer is not None and not await self._session_lives():
                                return
                            yield _KEEPALIVE
                finally:
                    upcoming.cancel()
                    await asyncio.wait((upcoming,))
                answer = upcoming.result()
                if answer is None:
                    return
                self._metrics.payloads.inc()
                yield b"event: next\ndata: " + answer.to_json() + b"\n\n"

    async def _answers(self) -> AsyncGenerator[Answer, None]:
        request_id = self._context.request.request_id
        try:
            async with contextlib.aclosing(self._results) as results:
                async for result in results:
                    yield present(result, request_id=request_id, metrics=self._metrics)
        except Exception as error:  # noqa: BLE001 - logged and masked by present_refusal
            yield present_refusal(error, request_id=request_id, metrics=self._metrics)

    async def _session_lives(self) -> bool:
        """Asked now and then, in case the session's end was not heard."""
        return await session_lives(self._make_context(self._context.request))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
