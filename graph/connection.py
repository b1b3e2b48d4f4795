"""What a conversation needs of its line, whatever is said: that somebody is there, and an end."""

from collections.abc import Callable
from typing import Any, Final

import orjson
import structlog

from graph.answers import Answer, plain_answer
from graph.backlog import Backlog
from graph.line import PING, Line, text_frame
from graph.protocol import CLOSE_COME_BACK, CLOSE_INIT_LATE, CLOSE_INTERNAL, CLOSE_RESTART
from graph.requests import BadRequest
from graph.switchboard import Switchboard

log = structlog.get_logger()

# Both kinds: a library answers the WebSocket's, a client of the protocol its own.
_PINGS: Final = PING + text_frame(b'{"type":"ping"}')
# A client that answered none of so many pings is gone.
_MOST_SILENT: Final = 2


class Connection:
    """Open from when it is made until `gone`, which happens once, after a `close` or without.

    While its client does not read, it hears nothing either: what waits for one client is bounded
    by what it had asked for before.
    """

    __slots__ = ("_backlog", "_leaving", "_over", "_silent", "board", "line")

    def __init__(self, board: Switchboard, line: Line) -> None:
        self.board = board
        self.line = line
        self._backlog: Backlog | None = None
        self._over = False
        self._leaving = False
        self._silent = 0
        board.metrics.sockets.inc()
        board.inits.add(self._init_is_late)
        board.farewell.welcome(self)

    def close(self, code: int, reason: str) -> None:
        """End it from our side. May be repeated: the first close counts."""
        if not self._over:
            self.board.metrics.socket_closed(code)
            self.line.close(code, reason)
            self.gone()

    def send_home(self, return_after_ms: int) -> None:
        """This process stops; another one, or the next, has the present state for the client.

        What is in hand is finished first, and nothing new is heard meanwhile.
        """
        if self._over:
            return
        reason = f"Restarting; come back in {return_after_ms} ms"
        self._leaving = True
        self.line.pause_reading()
        self._finish(lambda: self.close(CLOSE_RESTART, reason))

    def gone(self) -> None:
        """The line is over, or about to be: nothing of the conversation stays."""
        if self._over:
            return
        self._over = True
        self._backlog = None
        self.board.metrics.sockets.dec()
        self.board.farewell.forget(self)
        self.board.inits.discard(self._init_is_late)
        self.board.pings.discard(self._ping)
        self.board.drains.discard(self._is_stuck)
        self._leave()

    def alive(self) -> None:
        """Somebody is there."""
        self._silent = 0

    def stalled(self) -> None:
        """The client is slow: hear nothing more of it, and do not wait for ever."""
        self.line.pause_reading()
        self.board.drains.add(self._is_stuck)

    def drained(self) -> None:
        """The client has caught up: tell it the newest of what it missed, then go on."""
        self._silent = 0
        self.board.drains.discard(self._is_stuck)
        if self._backlog is not None:
            if not self._backlog.catch_up():
                return
            self._backlog.wake()
            self._backlog = None
        self._listen()

    def backlog(self) -> Backlog:
        """Where things wait until the client reads."""
        if self._backlog is None:
            self._backlog = Backlog()
        return self._backlog

    def _greeted(self) -> None:
        """The client has begun to talk."""
        self.board.inits.discard(self._init_is_late)

    def _keep_alive(self) -> None:
        """Ping from now on."""
        self.board.pings.add(self._ping)

    def _say(self, message: dict[str, Any]) -> None:
        self.line.send(text_frame(orjson.dumps(message)))

    def _say_errors(self, operation_id: str, answer: Answer) -> None:
        self._say({"id": operation_id, "type": "error", "payload": answer.errors})

    def _refuse(self, operation_id: str, refused: BadRequest) -> None:
        """End one operation of which nothing was executed."""
        self.board.metrics.refused(refused.code)
        self._say_errors(operation_id, plain_answer(refused.code, refused.message))

    def _fail(self, error: BaseException) -> None:
        """A mistake of ours."""
        log.error("socket_failed", exc_info=error)
        self.close(CLOSE_INTERNAL, "Internal error")

    def _listen(self) -> None:
        """Hear the client again, unless there is another reason not to."""
        if self.line.writable:
            self.line.resume_reading()

    def _check(self) -> None:
        """Look now and then whether the conversation may go on."""

    def _finish(self, then: Callable[[], None]) -> None:
        """Call `then` once nothing is in hand any more, soon at the latest."""
        then()

    def _leave(self) -> None:
        """Give up all that is held for the client."""

    def _ping(self) -> None:
        """Keep proxies from cutting a silent socket, and notice who is gone."""
        if self.line.writable:
            if self._silent >= _MOST_SILENT:
                self.close(CLOSE_COME_BACK, "No answer to pings")
                return
            self._silent += 1
            self.line.send(_PINGS)
        self._keep_alive()
        self._check()

    def _init_is_late(self) -> None:
        self.close(CLOSE_INIT_LATE, "Connection initialisation timeout")

    def _is_stuck(self) -> None:
        self.close(CLOSE_COME_BACK, "Too slow; come back later")
