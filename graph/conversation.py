"""One WebSocket's conversation in graphql-transport-ws, the protocol of the graphql-ws library."""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

import orjson
import structlog
from starlette.types import Receive, Send
from strawberry import Schema
from strawberry.types import ExecutionResult

from graph.answers import Answer, MakeContext, plain_answer, present, present_refusal
from graph.context import Context, RequestFacts
from graph.metrics import Metrics
from graph.open_sessions import OpenSessions, session_lives
from graph.protocol import (
    CLOSE_BAD_MESSAGE,
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
from kit.ids import new_id

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient we are with a socket, in seconds."""

    init_within: float = 10.0
    ping_every: float = 25.0
    drain_within: float = 30.0  # a client that reads nothing for so long is gone
    answer_within: float = 2.0  # for what runs when the session ends: logout itself, above all


@dataclass(slots=True)
class _Running:
    context: Context
    task: asyncio.Task[None]


class Conversation:
    """Reads messages one after another; each operation is a task with a context of its own."""

    def __init__(
        self,
        schema: Schema,
        make_context: MakeContext,
        *,
        facts: RequestFacts,
        explicit_token: bool,
        receive: Receive,
        send: Send,
        metrics: Metrics,
        open_sessions: OpenSessions,
        most_bytes: int,
        most_operations: int,
        pace: Pace,
    ) -> None:
        self._schema = schema
        self._make_context = make_context
        self._facts = facts
        self._explicit_token = explicit_token
        self._receive = receive
        self._raw_send = send
        self._metrics = metrics
        self._open_sessions = open_sessions
        self._most_bytes = most_bytes
        self._most_operations = most_operations
        self._pace = pace
        self._running: dict[str, _Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session = contextlib.ExitStack()
        self._init_seen = False
        self._acknowledged = False
        # How the conversation ends: with a close of ours, or None when the client left.
        self._end: asyncio.Future[Close | None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Talk until one side ends it; nothing of the conversation outlives this call."""
        late = asyncio.get_running_loop().call_later(self._pace.init_within, self._init_is_late)
        self._spawn(self._read())
        try:
            close = await self._end
        finally:
            late.cancel()
            self._session.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if close is not None:
            self._metrics.socket_closed(close.code)
            with contextlib.suppress(OSError):
                await self._raw_send(
                    {"type": "websocket.close", "code": close.code, "reason": close.reason}
                )

    async def _read(self) -> None:
        while True:
            frame = await self._receive()
            if frame["type"] == "websocket.disconnect":
                self._finish(None)
                return
            try:
                await self._take(read_message(frame.get("text"), most_bytes=self._most_bytes))
            except Close as close:
                self._finish(close)
                return

    async def _take(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                await self._init(payload_of(message))
            case "ping":
                payload = payload_of(message)
                await self._send(
                    {"type": "pong", **({} if payload is None else {"payload": payload})}
                )
            case "pong":
                payload_of(message)
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                running = self._running.pop(id_of(message), None)
                if running is not None:
                    running.task.cancel()
            case _:
                raise Close(CLOSE_BAD_MESSAGE, "Unknown message type")

    async def _init(self, payload: dict[str, Any] | None) -> None:
        if self._init_seen:
            raise Close(CLOSE_INIT_TWICE, "Too many initialisation requests")
        self._init_seen = True
        for name, value in (payload or {}).items():
            if name.lower() == "authorization" and value is not None:
                token = bearer_token(value) if isinstance(value, str) else ""
                self._facts = replace(self._facts, token=token)
                self._explicit_token = True
        viewer = await self._make_context(self._facts).viewer_or_none()
        if viewer is not None:
            self._session.enter_context(
                self._open_sessions.watch(viewer.token_hash, self._session_ended)
            )
        elif self._explicit_token:
            raise Close(CLOSE_FORBIDDEN, "Forbidden")
        self._acknowledged = True
        await self._send({"type": "connection_ack"})
        self._spawn(self._ping(signed_in=viewer is not None))

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if not self._acknowledged:
            raise Close(CLOSE_NOT_INITIALISED, "Unauthorized")
        operation_id = id_of(message)
        if operation_id in self._running:
            reason = f"Subscriber for {operation_id} already exists"
            raise Close(CLOSE_DUPLICATE_ID, reason.encode()[:120].decode(errors="ignore"))
        operation = operation_of(message)
        if len(self._running) >= self._most_operations:
            text = f"At most {self._most_operations} operations at once on a socket."
            await self._send_errors(operation_id, plain_answer("OVERLOADED", text))
            return
        context = self._make_context(replace(self._facts, request_id=new_id("req")))
        task = self._spawn(self._operate(operation_id, operation, context))
        self._running[operation_id] = _Running(context, task)

    async def _operate(self, operation_id: str, operation: Operation, context: Context) -> None:
        """Execute one operation, and tell each of its results while the client wants them."""
        with self._metrics.socket_operations.track_inprogress():
            try:
                refused = await self._push(operation_id, operation, context)
            except Exception as error:  # noqa: BLE001 - logged and masked by present_refusal
                request_id = context.request.request_id
                refused = present_refusal(error, request_id=request_id, metrics=self._metrics)
        # From here on the id is free: a client may use it again as soon as it reads the end.
        running = self._running.get(operation_id)
        if running is None or running.task is not asyncio.current_task():
            return
        del self._running[operation_id]
        if refused is not None:
            await self._send_errors(operation_id, refused)
        else:
            await self._send({"id": operation_id, "type": "complete"})

    async def _push(
        self, operation_id: str, operation: Operation, context: Context
    ) -> Answer | None:
        """Tell results until they end; the answer that refuses the operation, if it is refused."""
        results = await self._schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.name,
        )
        async with contextlib.aclosing(results):
            async for result in results:
                assert isinstance(result, ExecutionResult)  # there is no @defer here
                answer = present(
                    result, request_id=context.request.request_id, metrics=self._metrics
                )
                if not answer.executed:
                    return answer
                await self._send({"id": operation_id, "type": "next", "payload": answer.body})
                self._metrics.payloads.inc()
        return None

    async def _send_errors(self, operation_id: str, answer: Answer) -> None:
        await self._send({"id": operation_id, "type": "error", "payload": answer.errors})

    async def _send(self, message: dict[str, Any]) -> None:
        """Send a text frame; a client that left or reads nothing ends the conversation."""
        try:
            async with asyncio.timeout(self._pace.drain_within):
                await self._raw_send(
                    {"type": "websocket.send", "text": orjson.dumps(message).decode()}
                )
        except OSError:  # TimeoutError is one
            self._finish(None)

    async def _ping(self, *, signed_in: bool) -> None:
        """Keep proxies from cutting a silent socket, and ask whether its session still lives."""
        while True:
            await asyncio.sleep(self._pace.ping_every)
            await self._send({"type": "ping"})
            if signed_in and not await session_lives(self._make_context(self._facts)):
                self._session_ended()

    def _session_ended(self) -> None:
        self._spawn(self._leave())

    async def _leave(self) -> None:
        """Close, once what was asked before is answered: logout over this very socket."""
        answering = [
            running.task
            for running in self._running.values()
            if running.context.operation_type in {"query", "mutation"}
        ]
        if answering:
            await asyncio.wait(answering, timeout=self._pace.answer_within)
        self._finish(Close(CLOSE_FORBIDDEN, "Session ended"))

    def _init_is_late(self) -> None:
        if not self._init_seen:
            self._finish(Close(CLOSE_INIT_LATE, "Connection initialisation timeout"))

    def _finish(self, close: Close | None) -> None:
        if not self._end.done():
            self._end.set_result(close)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("socket_failed", exc_info=error)
            self._finish(Close(CLOSE_INTERNAL, "Internal error"))
