"""Results as server-sent events, for clients that cannot use WebSockets (graphql-sse, distinct)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, Final, TypeAlias

from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from auth.sessions import Viewer
from graph.answers import Answer, MakeContext
from graph.context import Context, RequestFacts
from graph.documents import Audience
from graph.execution import Execution
from graph.group import Group, Payload
from graph.groups import Groups
from graph.metrics import Metrics
from graph.open_sessions import OpenSessions, session_lives
from graph.requests import Operation

# Proxies cut connections that are silent for long: nginx after 60 s, some after 30 s.
KEEPALIVE_SECONDS: Final = 15.0
# A client that takes nothing for so long is gone.
DRAIN_SECONDS: Final = 30.0

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_COMPLETE: Final = b"event: complete\ndata:\n\n"
_KEEPALIVE: Final = b":\n\n"

Results: TypeAlias = Callable[[bytes | None], AsyncGenerator[bytes, None]]
"""Answers in JSON until they end, for a session or for nobody in particular."""


class EventStream:
    """An ASGI response that ends with its operation, its client or its viewer's session."""

    status_code: Final = 200

    def __init__(
        self,
        results: Results,
        *,
        context: Context,
        make_context: MakeContext,
        metrics: Metrics,
        open_sessions: OpenSessions,
        keepalive_seconds: float = KEEPALIVE_SECONDS,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self._results = results
        self._context = context
        self._make_context = make_context
        self._metrics = metrics
        self._open_sessions = open_sessions
        self._keepalive_seconds = keepalive_seconds
        self._drain_seconds = drain_seconds
        self._ended = asyncio.Event()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Push each result as a `next` event, then `complete`."""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        gone = asyncio.create_task(_gone(receive))
        ended = asyncio.create_task(self._ended.wait())
        session: bytes | None = None
        try:
            with self._metrics.socket_operations.track_inprogress():
                viewer = await self._context.viewer_or_none()
                if viewer is not None:
                    session = viewer.token_hash
                    self._open_sessions.add(session, self._ended.set)
                events = self._events(viewer, gone, ended)
                async with contextlib.aclosing(events):
                    async for event in events:
                        async with asyncio.timeout(self._drain_seconds):
                            await send(
                                {"type": "http.response.body", "body": event, "more_body": True}
                            )
            await send({"type": "http.response.body", "body": _COMPLETE})
        except TimeoutError:
            return  # without a word: nobody reads it
        finally:
            gone.cancel()
            ended.cancel()
            if session is not None:
                self._open_sessions.discard(session, self._ended.set)

    async def _events(
        self, viewer: Viewer | None, *ends: asyncio.Task[Any]
    ) -> AsyncGenerator[bytes, None]:
        """Events until the results, or what they need, come to an end."""
        session = None if viewer is None else viewer.token_hash
        async with contextlib.aclosing(self._results(session)) as results:
            while True:
                upcoming = asyncio.ensure_future(anext(results, None))
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
                body = upcoming.result()
                if body is None:
                    return
                self._metrics.payloads.inc()
                yield b"event: next\ndata: " + body + b"\n\n"

    async def _session_lives(self) -> bool:
        """Asked now and then, in case the session's end was not heard."""
        return await session_lives(self._make_context(self._context.request))


async def answered(
    execution: Execution,
    operation: Operation,
    facts: RequestFacts,
    allowed: Iterable[OperationType],
    _session: bytes | None,
) -> AsyncGenerator[bytes, None]:
    """The answer to a query or a mutation, or to a document that is refused."""
    async with contextlib.aclosing(execution.run(operation, facts, allowed=allowed)) as run:
        async for answer, _ in run:
            yield answer.to_json()


async def followed(
    groups: Groups,
    operation: Operation,
    audience: Audience,
    facts: RequestFacts,
    session: bytes | None,
) -> AsyncGenerator[bytes, None]:
    """What the group of a subscription is told; a refusal is told, too."""
    reader = _Reader()
    groups.join(reader, operation, audience, facts=facts, session=session)
    try:
        while (body := await reader.upcoming()) is not None:
            yield body
    finally:
        if reader.group is not None:
            reader.group.remove(reader)


class _Reader:
    """A group's member that keeps the newest of each key until it is asked for."""

    def __init__(self) -> None:
        self.group: Group | None = None
        self._kept: dict[str, Payload] = {}
        self._last: list[bytes] = []
        self._ended = False
        self._changed = asyncio.Event()

    def take(self, payload: Payload) -> bool:
        """Keep a payload, in place of an older one that nobody has asked for yet."""
        self._kept[payload.key] = payload
        self._changed.set()
        return False

    def end(self, refused: Answer | None) -> None:
        """Nothing more comes."""
        self._ended = True
        if refused is not None:
            self._last.append(refused.to_json())
        self._changed.set()

    async def upcoming(self) -> bytes | None:
        """What has waited longest, as soon as there is something; None at the end."""
        while not (self._kept or self._ended):
            self._changed.clear()
            await self._changed.wait()
        if self._kept:
            return self._kept.pop(next(iter(self._kept))).body
        return self._last.pop() if self._last else None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
