"""HTTP as uvicorn speaks it, with a way to be rid of a client that never reads."""

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graph.event_stream import ABORT


class AbortableHttp(HttpToolsProtocol):
    """Offers each request to cut its connection.

    Closing a transport waits for its buffer to drain, and ASGI has no other end: a client that
    reads nothing would keep the connection, and what it has not read, until the kernel gives up.
    """

    def on_message_begin(self) -> None:
        """Offer it together with the request, which begins here."""
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"] = {ABORT: self.transport.abort}
