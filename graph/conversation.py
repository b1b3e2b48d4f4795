"""One WebSocket's conversation in graphql-transport-ws, the protocol of the graphql-ws library."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final

import orjson
import structlog

from graph.answers import Answer, plain_answer
from graph.context import RequestFacts
from graph.follower import Follower
from graph.line import PING, Line, text_frame
from graph.open_sessions import session_lives
from graph.protocol import (
    CLOSE_BAD_MESSAGE,
    CLOSE_COME_BACK,
    CLOSE_DUPLICATE_ID,
    CLOSE_FORBIDDEN,
    CLOSE_INIT_LATE,
    CLOSE_INIT_TWICE,
    CLOSE_INTERNAL,
    CLOSE_NOT_INITIALISED,
    Close,
    id_of,
    operation_of,
    payload_of,
    read_message,
)
from graph.requests import Operation, bearer_token
from graph.switchboard import Switchboard

log = structlog.get_logger()

# Both kinds: a library answers the WebSocket's, a client of the protocol its own.
_PINGS: Final = PING + text_frame(b'{"type":"ping"}')
# A client that answered none of so many pings is gone.
_MOST_SILENT: Final = 2


class Conversation:
    """Is told what happens on a line, and has tasks only for what is being answered.

    While its client does not read, it hears nothing either: what waits for one client is bounded
    by what it had asked for before.
    """

    __slots__ = (
        "_acknowledged",
        "_drained",
        "_explicit_token",
        "_facts",
        "_inbox",
        "_init_seen",
        "_lagging",
        "_operations",
        "_over",
        "_session",
        "_silent",
        "_tasks",
        "board",
        "line",
    )

    def __init__(
        self, board: Switchboard, line: Line, *, facts: RequestFacts, explicit_token: bool
    ) -> None:
        self.board = board
        self.line = line
        self._facts = facts
        self._explicit_token = explicit_token
        self._operations: dict[str, Follower | asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] | None = None
        self._lagging: dict[Follower, None] | None = None
        self._inbox: list[bytes | None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._session: bytes | None = None
        self._init_seen = False
        self._acknowledged = False
        self._over = False
        self._silent = 0
        board.metrics.sockets.inc()
        board.inits.add(self._init_is_late)

    def close(self, code: int, reason: str) -> None:
        """End the conversation from our side. May be repeated: the first close counts."""
        if not self._over:
            self.board.metrics.socket_closed(code)
            self.line.close(code, reason)
            self.gone()

    def gone(self) -> None:
        """The line is over, or about to be: nothing of the conversation stays."""
        if self._over:
            return
        self._over = True
        board = self.board
        board.metrics.sockets.dec()
        for deadlines, call in (
            (board.inits, self._init_is_late),
            (board.pings, self._ping),
            (board.drains, self._is_stuck),
        ):
            deadlines.discard(call)
        if self._session is not None:
            board.open_sessions.discard(self._session, self._session_ended)
        for running in self._operations.values():
            if isinstance(running, Follower):
                board.metrics.socket_operations.dec()
                running.leave()
        self._operations.clear()
        self._lagging = None
        for task in self._tasks or ():
            task.cancel()

    def heard(self, raw: bytes | None) -> None:
        """Take one message, or keep it until those before it are understood."""
        self._silent = 0
        if self._inbox is not None:
            self._inbox.append(raw)
        elif not self._over:
            try:
                self._take(read_message(raw, most_bytes=self.board.most_bytes))
            except Close as close:
                self.close(close.code, close.reason)

    def alive(self) -> None:
        """Somebody is there."""
        self._silent = 0

    def stalled(self) -> None:
        """The client is slow: hear nothing more of it, and not wait for ever."""
        self.line.pause_reading()
        self.board.drains.add(self._is_stuck)

    def drained(self) -> None:
        """The client has caught up: tell it the newest of what it missed, then go on."""
        self._silent = 0
        self.board.drains.discard(self._is_stuck)
        for follower in list(self._lagging or ()):
            if not follower.catch_up():
                return
            assert self._lagging is not None
            del self._lagging[follower]
        self._lagging = None
        if not self.line.writable:
            return
        if self._drained is not None:
            self._drained.set_result(None)
            self._drained = None
        if self._inbox is None:
            self.line.resume_reading()

    def lags(self, follower: Follower) -> None:
        """A follower keeps something for later."""
        if self._lagging is None:
            self._lagging = {}
        self._lagging[follower] = None

    def ended(self, follower: Follower) -> None:
        """A follower's group has ended it: a client may use its id again."""
        if self._operations.get(follower.operation_id) is follower:
            del self._operations[follower.operation_id]
            self.board.metrics.socket_operations.dec()

    def _take(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                self._init(payload_of(message))
            case "ping":
                payload = payload_of(message)
                self._say({"type": "pong", **({} if payload is None else {"payload": payload})})
            case "pong":
                payload_of(message)
            case "subscribe":
                self._subscribe(message)
            case "complete":
                running = self._operations.pop(id_of(message), None)
                if isinstance(running, Follower):
                    self.board.metrics.socket_operations.dec()
                    if self._lagging is not None:
                        self._lagging.pop(running, None)
                    running.leave()
                elif running is not None:
                    running.cancel()
            case _:
                raise Close(CLOSE_BAD_MESSAGE, "Unknown message type")

    def _init(self, payload: dict[str, Any] | None) -> None:
        if self._init_seen:
            raise Close(CLOSE_INIT_TWICE, "Too many initialisation requests")
        self._init_seen = True
        self.board.inits.discard(self._init_is_late)
        for name, value in (payload or {}).items():
            if name.lower() == "authorization" and value is not None:
                token = bearer_token(value) if isinstance(value, str) else ""
                self._facts = replace(self._facts, token=token)
                self._explicit_token = True
        if self._facts.token is None:
            self._acknowledge()
            return
        self._inbox = []
        self.line.pause_reading()
        self._spawn(self._sign_in())

    async def _sign_in(self) -> None:
        viewer = await self.board.make_context(self._facts).viewer_or_none()
        if viewer is not None:
            self._session = viewer.token_hash
            self.board.open_sessions.add(self._session, self._session_ended)
        elif self._explicit_token:
            self.close(CLOSE_FORBIDDEN, "Forbidden")
            return
        self._acknowledge()
        inbox, self._inbox = self._inbox or (), None
        for raw in inbox:
            self.heard(raw)
        if self.line.writable and self._inbox is None:
            self.line.resume_reading()

    def _acknowledge(self) -> None:
        self._acknowledged = True
        self._say({"type": "connection_ack"})
        self.board.pings.add(self._ping)

    def _subscribe(self, message: dict[str, Any]) -> None:
        if not self._acknowledged:
            raise Close(CLOSE_NOT_INITIALISED, "Unauthorized")
        operation_id = id_of(message)
        if operation_id in self._operations:
            reason = f"Subscriber for {operation_id} already exists"
            raise Close(CLOSE_DUPLICATE_ID, reason.encode()[:120].decode(errors="ignore"))
        operation = operation_of(message)
        if len(self._operations) >= self.board.most_operations:
            text = f"At most {self.board.most_operations} operations at once on a socket."
            self._say_errors(operation_id, plain_answer("OVERLOADED", text))
            return
        audience = self.board.groups.audience(operation)
        if audience is not None:
            follower = Follower(self, operation_id)
            self._operations[operation_id] = follower
            self.board.metrics.socket_operations.inc()
            self.board.groups.join(
                follower, operation, audience, facts=self._facts, session=self._session
            )
            return
        self._operations[operation_id] = self._spawn(self._operate(operation_id, operation))

    async def _operate(self, operation_id: str, operation: Operation) -> None:
        """Answer a query or a mutation, once the client takes it."""
        with self.board.metrics.socket_operations.track_inprogress():
            run = self.board.execution.run(operation, replace(self._facts, request_id=""))
            (answer,) = [answer async for answer, _ in run]
            while not self.line.writable:
                await self._until_drained()
        # From here on the id is free: a client may use it again as soon as it reads the end.
        if self._operations.get(operation_id) is not asyncio.current_task():
            return
        del self._operations[operation_id]
        if not answer.executed:
            self._say_errors(operation_id, answer)
            return
        self._say({"id": operation_id, "type": "next", "payload": answer.body})
        self._say({"id": operation_id, "type": "complete"})
        self.board.metrics.payloads.inc()

    async def _until_drained(self) -> None:
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._drained)

    def _say_errors(self, operation_id: str, answer: Answer) -> None:
        self._say({"id": operation_id, "type": "error", "payload": answer.errors})

    def _say(self, message: dict[str, Any]) -> None:
        self.line.send(text_frame(orjson.dumps(message)))

    def _ping(self) -> None:
        """Keep proxies from cutting a silent socket, and notice who is gone, or signed out."""
        if self._silent >= _MOST_SILENT and self.line.writable:
            self.close(CLOSE_COME_BACK, "No answer to pings")
            return
        self._silent += 1
        if self.line.writable:
            self.line.send(_PINGS)
        self.board.pings.add(self._ping)
        if self._session is not None:
            self._spawn(self._check_session())

    async def _check_session(self) -> None:
        if not await session_lives(self.board.make_context(self._facts)):
            self._session_ended()

    def _session_ended(self) -> None:
        self._spawn(self._leave())

    async def _leave(self) -> None:
        """Close, once what was asked before is answered: logout over this very socket."""
        answering = [
            running for running in self._operations.values() if not isinstance(running, Follower)
        ]
        if answering:
            await asyncio.wait(answering, timeout=self.board.pace.answer_within)
        self.close(CLOSE_FORBIDDEN, "Session ended")

    def _init_is_late(self) -> None:
        self.close(CLOSE_INIT_LATE, "Connection initialisation timeout")

    def _is_stuck(self) -> None:
        self.close(CLOSE_COME_BACK, "Too slow; come back later")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        if self._tasks is None:
            self._tasks = set()
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        if self._tasks is not None:
            self._tasks.discard(task)
            if not self._tasks:
                self._tasks = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("socket_failed", exc_info=error)
            self.close(CLOSE_INTERNAL, "Internal error")
