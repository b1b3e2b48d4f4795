"""HTTP as uvicorn speaks it, with a lane for what can be answered at once."""

from typing import Any, cast

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from graph.event_stream import ABORT
from graph.express import PATH, AnswerAtOnce

log = structlog.get_logger()


class ExpressHttp(HttpToolsProtocol):
    """Asks first whether a POST can be answered at once; if not, all goes uvicorn's way.

    Only a request that came whole, in one read and on an idle connection, is kept back until its
    end. It also offers each request to cut its connection: closing a transport waits for its buffer
    to drain, and ASGI has no other end: a client that reads nothing would keep the connection, and
    what it has not read, until the kernel gives up.
    """

    answer_at_once: AnswerAtOnce | None = None
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
        """Keep a request back that may be answered at once."""
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
        """Answer at once, or let the request go its way."""
        if self._kept_back is not None:
            if self._answer(b"".join(self._kept_back)):
                self._kept_back = None
                self.on_response_complete()
                return
            self._let_go()
        super().on_message_complete()

    def _may_be_express(self) -> bool:
        return (
            self.answer_at_once is not None
            and self.url == PATH
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)
            and not self.transport.is_closing()
        )

    def _answer(self, body: bytes) -> bool:
        assert self.answer_at_once is not None
        try:
            answer = self.answer_at_once(self.headers, body)
        except Exception:
            # The endpoint answers the same request, and says what is wrong with it.
            log.exception("express_failed")
            return False
        if answer is None:
            return False
        status, rest = answer
        head = [
            part
            for name, value in self.server_state.default_headers
            for part in (name, b": ", value, b"\r\n")
        ]
        self.transport.write(b"".join((STATUS_LINE[status], *head, rest)))
        return True

    def _let_go(self) -> None:
        """Have uvicorn begin with the request, and with as much of its body as has come."""
        kept_back, self._kept_back = self._kept_back, None
        super().on_headers_complete()
        for part in kept_back or ():
            super().on_body(part)


def express_http(answer_at_once: AnswerAtOnce) -> type[ExpressHttp]:
    """The protocol with this lane; uvicorn makes one of the class for each connection."""

    class Http(ExpressHttp):
        pass

    Http.answer_at_once = staticmethod(answer_at_once)
    return Http
