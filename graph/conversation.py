"""One WebSocket's conversation in graphql-transport-ws, the protocol of the graphql-ws library."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import structlog

from graph.answers import plain_answer
from graph.connection import Connection
from graph.context import RequestFacts
from graph.errands import FINISH_SECONDS
from graph.follower import Follower
from graph.line import Line
from graph.open_sessions import session_lives
from graph.protocol import (
    CLOSE_BAD_MESSAGE,
    CLOSE_COME_BACK,
    CLOSE_DUPLICATE_ID,
    CLOSE_FORBIDDEN,
    CLOSE_INIT_TWICE,
    CLOSE_NOT_INITIALISED,
    Close,
    asked_of,
    client_named,
    id_of,
    payload_of,
    read_message,
    token_of,
)
from graph.requests import Asked, BadRequest, Operation
from graph.switchboard import Switchboard
from graph.tasks import Tasks
from orders.errors import OUT_OF_REACH

log = structlog.get_logger()


class Conversation(Connection):
    """Is told what happens on a line, and has tasks only for what is being answered."""

    __slots__ = (
        "_acknowledged",
        "_address",
        "_buyer",
        "_explicit_token",
        "_facts",
        "_inbox",
        "_init_seen",
        "_operations",
        "_session",
        "_tasks",
        "_unheard",
    )

    def __init__(
        self, board: Switchboard, line: Line, *, facts: RequestFacts, explicit_token: bool
    ) -> None:
        super().__init__(board, line)
        self._facts = facts
        self._explicit_token = explicit_token
        self._operations: dict[str, Follower | asyncio.Task[None]] = {}
        self._tasks = Tasks(self._fail)
        # What is heard while somebody is being signed in, and waits until they are.
        self._inbox: list[bytes | None] | None = None
        self._session: bytes | None = None
        # Mutations that go on although nobody waits for their answers.
        self._unheard = 0
        self._init_seen = False
        self._acknowledged = False
        # As whose it is counted; None: as nobody's.
        self._address: str | None = None
        self._buyer: str | None = None
        if board.crowding.let_address_in(facts.address):
            self._address = facts.address
        else:
            self.close(CLOSE_COME_BACK, "Too many sockets of this address; come back later")

    def heard(self, raw: bytes | None) -> None:
        """Take one message, or keep it until those before it are understood."""
        self._silent = 0
        if self._inbox is not None:
            self._inbox.append(raw)
        elif not (self._over or self._leaving):
            try:
                self._take(read_message(raw, most_bytes=self.board.most_bytes))
            except Close as close:
                self.close(close.code, close.reason)
            except Exception as error:  # noqa: BLE001 - logged; the client is told as much
                self._fail(error)

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
                self._answer_ping(payload_of(message))
            case "pong":
                payload_of(message)
            case "subscribe":
                self._subscribe(message)
            case "complete":
                running = self._operations.pop(id_of(message), None)
                if isinstance(running, Follower):
                    self.board.metrics.socket_operations.dec()
                    running.leave()
                elif running is not None:
                    running.cancel()
            case _:
                raise Close(CLOSE_BAD_MESSAGE, "Unknown message type")

    def _answer_ping(self, payload: dict[str, Any] | None) -> None:
        try:
            self._say({"type": "pong", **({} if payload is None else {"payload": payload})})
        except orjson.JSONEncodeError:
            raise Close(CLOSE_BAD_MESSAGE, "payload nests too deeply") from None

    def _init(self, payload: dict[str, Any] | None) -> None:
        if self._init_seen:
            raise Close(CLOSE_INIT_TWICE, "Too many initialisation requests")
        self._init_seen = True
        self._greeted()
        self._facts = replace(self._facts, client=client_named(payload) or self._facts.client)
        token = token_of(payload)
        if token is not None:
            self._facts = replace(self._facts, token=token)
            self._explicit_token = True
        if self._facts.token is None:
            self._acknowledge()
            return
        self._inbox = []
        self.line.pause_reading()
        self._tasks.start(self._sign_in())

    async def _sign_in(self) -> None:
        try:
            viewer = await self.board.make_context(self._facts).viewer_or_none()
        except OUT_OF_REACH as error:
            log.warning("socket_not_signed_in", error=repr(error))
            self.close(CLOSE_COME_BACK, "Sign-in is out of reach; come back later")
            return
        if viewer is not None:
            if not self.board.crowding.let_buyer_in(viewer.user_id):
                self.close(CLOSE_COME_BACK, "Too many sockets of yours; come back later")
                return
            self._buyer = viewer.user_id
            self._session = viewer.token_hash
            self.board.open_sessions.add(self._session, self._session_ended)
        elif self._explicit_token:
            self.close(CLOSE_FORBIDDEN, "Forbidden")
            return
        self._acknowledge()
        inbox, self._inbox = self._inbox or (), None
        for raw in inbox:
            self.heard(raw)
        self._listen()

    def _acknowledge(self) -> None:
        self._acknowledged = True
        self._say({"type": "connection_ack"})
        self._keep_alive()

    def _subscribe(self, message: dict[str, Any]) -> None:
        if not self._acknowledged:
            raise Close(CLOSE_NOT_INITIALISED, "Unauthorized")
        operation_id = id_of(message)
        if operation_id in self._operations:
            reason = f"Subscriber for {operation_id} already exists"
            raise Close(CLOSE_DUPLICATE_ID, reason.encode()[:120].decode(errors="ignore"))
        asked = asked_of(message)
        if len(self._operations) + self._unheard >= self.board.most_operations:
            text = f"At most {self.board.most_operations} operations at once on a socket."
            self._say_errors(operation_id, plain_answer("OVERLOADED", text))
            return
        try:
            operation = self.board.library.at_hand(asked, self._facts.client)
        except BadRequest as refused:
            self._refuse(operation_id, refused)
            return
        if operation is None:
            self._operations[operation_id] = self._tasks.start(self._look_up(operation_id, asked))
        else:
            self._begin(operation_id, operation)

    async def _look_up(self, operation_id: str, asked: Asked) -> None:
        """Begin an operation whose document another process may know."""
        try:
            operation = await self.board.library.find(asked, self._facts.client)
        except BadRequest as refused:
            if self._freed(operation_id):
                self._refuse(operation_id, refused)
        else:
            if self._freed(operation_id):
                self._begin(operation_id, operation)

    def _begin(self, operation_id: str, operation: Operation) -> None:
        audience = self.board.groups.audience(operation)
        if audience is not None:
            follower = Follower(self, operation_id)
            self._operations[operation_id] = follower
            self.board.metrics.socket_operations.inc()
            self.board.groups.join(
                follower, operation, audience, facts=self._facts, session=self._session
            )
            return
        self._operations[operation_id] = self._tasks.start(self._operate(operation_id, operation))

    async def _operate(self, operation_id: str, operation: Operation) -> None:
        """Answer a query or a mutation, once the client takes it."""
        with self.board.metrics.socket_operations.track_inprogress():
            errand = self.board.errands.start(operation, replace(self._facts, request_id=""))
            try:
                answer = await errand.answer()
            finally:
                self._unheard += errand.leave(self._one_ended)
            while not self.line.writable:
                await self.backlog().drained()
        if not self._freed(operation_id):
            return
        if not answer.executed:
            self._say_errors(operation_id, answer)
            return
        self._say({"id": operation_id, "type": "next", "payload": answer.body})
        self._say({"id": operation_id, "type": "complete"})
        self.board.metrics.payloads.inc()

    def _freed(self, operation_id: str) -> bool:
        """Whether this task is still wanted. A client may use the id again from here on."""
        wanted = self._operations.get(operation_id) is asyncio.current_task()
        if wanted:
            del self._operations[operation_id]
        return wanted

    def _one_ended(self) -> None:
        self._unheard -= 1

    def _listen(self) -> None:
        if self._inbox is None and not self._leaving:
            super()._listen()

    def _leave(self) -> None:
        if self._address is not None:
            self.board.crowding.leave_address(self._address)
        if self._buyer is not None:
            self.board.crowding.leave_buyer(self._buyer)
        if self._session is not None:
            self.board.open_sessions.discard(self._session, self._session_ended)
        for running in self._operations.values():
            if isinstance(running, Follower):
                self.board.metrics.socket_operations.dec()
                running.leave()
        self._operations.clear()
        self._tasks.cancel()

    def _check(self) -> None:
        """In case the session's end was not heard."""
        if self._session is not None:
            self._tasks.start(self._check_session())

    async def _check_session(self) -> None:
        if not await session_lives(self.board.make_context(self._facts)):
            self._session_ended()

    def _session_ended(self) -> None:
        self._tasks.start(self._sign_out())

    async def _sign_out(self) -> None:
        """Close, once what was asked before is answered: logout over this very socket."""
        await self._answer_all(self.board.pace.answer_within)
        self.close(CLOSE_FORBIDDEN, "Session ended")

    def _finish(self, then: Callable[[], None]) -> None:
        if self._answering():
            self._tasks.start(self._finish_answers(then))
        else:
            then()

    async def _finish_answers(self, then: Callable[[], None]) -> None:
        await self._answer_all(self.board.farewell.patience(FINISH_SECONDS))
        then()

    async def _answer_all(self, within: float) -> None:
        if answering := self._answering():
            await asyncio.wait(answering, timeout=within)

    def _answering(self) -> list[asyncio.Task[None]]:
        return [each for each in self._operations.values() if not isinstance(each, Follower)]
