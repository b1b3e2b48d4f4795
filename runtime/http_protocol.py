"""HTTP as uvicorn speaks it, with a door in front of it for what needs no ASGI."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import structlog
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from graph.event_stream import ABORT
from graph.express import AtOnce
from graph.front_door import Answer, Answered
from graph.lanes import PATH

log = structlog.get_logger()


class _UnderWay:
    """Stands where uvicorn keeps the request that is under way on a connection."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self) -> None:
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.message_event = asyncio.Event()


class ExpressHttp(HttpToolsProtocol):
    """Asks at the door first; what is not answered there goes uvicorn's way.

    Only a POST that came whole, in one read and on an idle connection, is kept back until its end.
    It also offers each request to cut its connection: closing a transport waits for its buffer to
    drain, and ASGI has no other end: a client that reads nothing would keep the connection, and
    what it has not read, until the kernel gives up.
    """

    front_door: Answer
    _kept_back: list[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        """Read requests; one whose body has not come yet goes uvicorn's way at once."""
        super().data_received(data)
        if self._kept_back is not None:
            self._let_go()

    def on_message_begin(self) -> None:
        """Offer to cut the connection together with the request, which begins here."""
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"] = {ABORT: self.transport.abort}

    def on_headers_complete(self) -> None:
        """Keep a request back that may be answered at the door."""
        if self._may_be_express():
            self._kept_back = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body with its request."""
        if self._kept_back is None:
            super().on_body(body)
        else:
            self._kept_back.append(body)

    def on_message_complete(self) -> None:
        """Answer at the door, or let the request go its way."""
        if self._kept_back is not None:
            answered = self._ask(b"".join(self._kept_back))
            if isinstance(answered, tuple):
                self._kept_back = None
                self._write(answered)
                self.on_response_complete()
                return
            if answered is not None:
                self._kept_back = None
                self._begin(answered)
                return
            self._let_go()
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; cut one whose client does not read, with what waits for it."""
        if self.transport.get_write_buffer_size() > 0:
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _may_be_express(self) -> bool:
        return (
            self.url == PATH
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)
            and not self.transport.is_closing()
        )

    def _ask(self, body: bytes) -> Answered:
        try:
            return type(self).front_door(self.headers, body, self.client)
        except Exception:
            # The endpoint answers the same request, and says what is wrong with it.
            log.exception("front_door_failed")
            return None

    def _write(self, answer: AtOnce) -> None:
        status, rest = answer
        head = [
            part
            for name, value in self.server_state.default_headers
            for part in (name, b": ", value, b"\r\n")
        ]
        self.transport.write(b"".join((STATUS_LINE[status], *head, rest)))

    def _begin(self, answer: Coroutine[Any, Any, AtOnce]) -> None:
        """Have the connection wait for an answer, as for one of uvicorn's own."""
        under_way = _UnderWay()
        self.cycle = cast("RequestResponseCycle", under_way)
        task = self.loop.create_task(self._finish(answer, under_way))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _finish(self, answer: Coroutine[Any, Any, AtOnce], under_way: _UnderWay) -> None:
        answered = await answer
        if self.flow.write_paused and not under_way.disconnected:
            await self.flow.drain()
        if under_way.disconnected or self.transport.is_closing():
            return
        under_way.response_complete = True
        self._write(answered)
        if not under_way.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _let_go(self) -> None:
        """Have uvicorn begin with the request, and with as much of its body as has come."""
        kept_back, self._kept_back = self._kept_back, None
        super().on_headers_complete()
        for part in kept_back or ():
            super().on_body(part)


def express_http(answer: Answer) -> type[ExpressHttp]:
    """The protocol with this door; uvicorn makes one of the class for each connection."""

    class Http(ExpressHttp):
        front_door = staticmethod(answer)

    return Http
