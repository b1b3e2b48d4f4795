"""Results as server-sent events, for clients that cannot use WebSockets (graphql-sse, distinct)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, Final, TypeAlias

from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from auth.sessions import Viewer
from graph.answers import Answer
from graph.context import RequestFacts
from graph.documents import Audience
from graph.errands import FINISH_SECONDS, Errands
from graph.group import Group, Payload
from graph.groups import Groups
from graph.open_sessions import session_lives
from graph.requests import Operation
from graph.switchboard import Switchboard

# Proxies cut connections that are silent for long: nginx after 60 s, some after 30 s.
KEEPALIVE_SECONDS: Final = 15.0
# A client that takes nothing for so long is gone.
DRAIN_SECONDS: Final = 30.0

ABORT: Final = "flashsale.abort"
"""The entry of `scope["extensions"]` with which a server lets us cut the connection at once."""

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
        board: Switchboard,
        results: Results,
        facts: RequestFacts,
        viewer: Viewer | None,
        *,
        brief: bool = False,
        keepalive_seconds: float = KEEPALIVE_SECONDS,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        """One that the board's crowding has let in already.

        A `brief` one has a single answer, which is waited for when the session ends (logout
        itself, above all) or this process is to stop.
        """
        self._board = board
        self._results = results
        self._facts = facts
        self._viewer = viewer
        self._brief = brief
        self._keepalive_seconds = keepalive_seconds
        self._drain_seconds = drain_seconds
        self._ended = asyncio.Event()
        self._sent_home = False
        self._complete = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Push each result as a `next` event, then `complete`."""
        board, facts, viewer = self._board, self._facts, self._viewer
        gone = asyncio.create_task(_gone(receive))
        ended = asyncio.create_task(self._ended.wait())
        board.farewell.welcome(self)
        if viewer is not None:
            board.open_sessions.add(viewer.token_hash, self._ended.set)
        try:
            with board.metrics.socket_operations.track_inprogress():
                await self._push(send, gone, ended)
        except TimeoutError:
            # Without a word: nobody reads it.
            abort = scope.get("extensions", {}).get(ABORT)
            if abort is not None:
                abort()
                await gone  # else the server takes it for a mistake that there is no end
        finally:
            gone.cancel()
            ended.cancel()
            board.farewell.forget(self)
            board.crowding.leave_stream(facts.address, viewer)
            if viewer is not None:
                board.open_sessions.discard(viewer.token_hash, self._ended.set)

    def send_home(self, return_after_ms: int) -> None:  # noqa: ARG002 - this protocol has no word for it
        """End without `complete`: a client of graphql-sse takes that for a lost connection."""
        self._sent_home = True
        self._ended.set()

    async def _push(self, send: Send, gone: asyncio.Task[None], ended: asyncio.Task[Any]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        async with contextlib.aclosing(self._events(gone, ended)) as events:
            async for event in events:
                async with asyncio.timeout(self._drain_seconds):
                    await send({"type": "http.response.body", "body": event, "more_body": True})
        last = b"" if self._sent_home and not self._complete else _COMPLETE
        async with asyncio.timeout(self._drain_seconds):
            await send({"type": "http.response.body", "body": last})

    async def _events(
        self, gone: asyncio.Task[None], ended: asyncio.Task[Any]
    ) -> AsyncGenerator[bytes, None]:
        """Events until the results, or what they need, come to an end."""
        session = None if self._viewer is None else self._viewer.token_hash
        loop = asyncio.get_running_loop()
        checked_at = loop.time()
        async with contextlib.aclosing(self._results(session)) as results:
            while True:
                upcoming = asyncio.ensure_future(anext(results, None))
                try:
                    while not upcoming.done():
                        await asyncio.wait(
                            (upcoming, gone, ended),
                            timeout=self._keepalive_seconds,
                            return_when=asyncio.FIRST_COMPLETED,
                        )
                        if ended.done() and not await self._may_finish(upcoming, gone):
                            return
                        if gone.done():
                            return
                        silent = not upcoming.done()
                        # A stream that is never silent must be looked after as well.
                        if silent or loop.time() - checked_at >= self._keepalive_seconds:
                            checked_at = loop.time()
                            if not await self._session_lives():
                                return
                        if silent:
                            yield _KEEPALIVE
                finally:
                    upcoming.cancel()
                    await asyncio.wait((upcoming,))
                body = upcoming.result()
                if body is None:
                    self._complete = True
                    return
                self._board.metrics.payloads.inc()
                yield b"event: next\ndata: " + body + b"\n\n"

    async def _may_finish(self, upcoming: asyncio.Task[Any], gone: asyncio.Task[None]) -> bool:
        """Wait for an answer that is pending, but not for ever; True when it is there."""
        if not self._brief:
            return False
        within = self._board.pace.answer_within
        if self._sent_home:
            within = self._board.farewell.patience(FINISH_SECONDS)
        await asyncio.wait((upcoming, gone), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        return upcoming.done()

    async def _session_lives(self) -> bool:
        """Asked now and then, in case the session's end was not heard."""
        if self._viewer is None or self._brief:
            return True
        return await session_lives(self._board.make_context(self._facts))


async def answered(
    errands: Errands,
    operation: Operation,
    facts: RequestFacts,
    allowed: Iterable[OperationType],
    _session: bytes | None,
) -> AsyncGenerator[bytes, None]:
    """The answer to a query or a mutation, or to a document that is refused."""
    errand = errands.start(operation, facts, allowed=allowed)
    try:
        answer = await errand.answer()
    finally:
        errand.leave()
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
