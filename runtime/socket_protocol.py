"""Ends WebSockets whose client does not read: uvicorn waits for ever until all is flushed."""

import asyncio
from typing import Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# After the conversation: for its last words and the client's answer to them.
FLUSH_SECONDS: Final = 5.0


class BoundedSocket(WebSocketsSansIOProtocol):
    """Cuts a connection that is still there a while after its application has ended.

    Closing a transport waits for its buffer to drain. A client that reads nothing would keep the
    connection, and what it has not read, for as long as it likes.
    """

    _cutting: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over, one way or the other."""
        if self._cutting is not None:
            self._cutting.cancel()
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        """Run the application, then give the client a moment to read the rest."""
        await super().run_asgi()
        self._cut_soon()

    def keepalive_timeout(self) -> None:
        """The client has not answered a ping."""
        super().keepalive_timeout()
        self._cut_soon()

    def _cut_soon(self) -> None:
        if self._cutting is None:
            self._cutting = self.loop.call_later(FLUSH_SECONDS, self.transport.abort)
