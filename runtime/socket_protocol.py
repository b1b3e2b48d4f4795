"""The handshake of WebSockets, as uvicorn does it; then a line of our own, or a bounded end."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from graph.line import LINE, Line, Talker
from runtime.line import DirectLine, cut_soon

# uvicorn says a line for each socket that it accepts, and none for a request; we have metrics.
_log = logging.getLogger(__name__)
_log.setLevel(logging.WARNING)


class BoundedSocket(WebSocketsSansIOProtocol):
    """Offers the application a direct line, and cuts what outlives an application without one.

    uvicorn's own way keeps a task, three queues and a parser for each connection, and closing a
    transport waits for its buffer to drain: a client that reads nothing would keep the connection,
    and what it has not read, for as long as it likes.
    """

    _cutting: asyncio.TimerHandle | None = None
    _handed_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self.logger = _log
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over, one way or the other."""
        if self._cutting is not None:
            self._cutting.cancel()
        super().connection_lost(exc)

    def handle_connect(self, event: Request) -> None:
        """Offer the line together with the request; its application has not started yet."""
        super().handle_connect(event)
        if self.response.status_code == 101:  # noqa: PLR2004 - Switching Protocols
            # What comes now is for the line, which reads a little at a time.
            self.read_paused = True
            self.transport.pause_reading()
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[LINE] = self._hand_over

    async def run_asgi(self) -> None:
        """Run the application, then give the client a moment to read the rest."""
        await super().run_asgi()
        if not self._handed_over:
            self._cut_soon()

    def keepalive_timeout(self) -> None:
        """The client has not answered a ping."""
        super().keepalive_timeout()
        self._cut_soon()

    def _hand_over(self, make_talker: Callable[[Line], Talker]) -> None:
        """Leave the connection to a line; of this object nothing is used any more."""
        assert self.handshake_complete, "accept first"
        self._handed_over = True
        self.stop_keepalive()
        transport, self.transport = self.transport, _Released()
        self.connections.discard(self)
        if self.disconnected:
            return
        line = DirectLine(
            transport, connections=self.connections, most_bytes=self.config.ws_max_size
        )
        if self.read_paused:
            line.resume_reading()
        talker = line.answer(make_talker)
        while not self.queue.empty():
            early: Any = self.queue.get_nowait()
            if early["type"] == "websocket.receive":
                text = early.get("text")
                talker.heard(None if text is None else text.encode())

    def _cut_soon(self) -> None:
        if self._cutting is None:
            self._cutting = cut_soon(self.transport)


class _Released(asyncio.Transport):
    """What uvicorn closes when the application returns, instead of what is not its any more."""

    def close(self) -> None:
        pass
