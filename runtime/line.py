"""A WebSocket after its handshake, with as little as an idle connection needs."""

import asyncio
import logging
from collections.abc import Callable
from types import GeneratorType
from typing import Any, Final, cast

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from graph.line import Line, Talker

# What waits in our memory for a slow client, before it counts as not writable and when again.
HIGH_WATER_BYTES: Final = 32 * 1024
LOW_WATER_BYTES: Final = 8 * 1024
# After the last word: for it to be read, and for the client's answer.
FLUSH_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class DirectLine(asyncio.Protocol):
    """Takes a transport over from uvicorn: frames go out as they are, messages come in whole.

    websockets' parser reads. Between two frames it holds nothing that matters, and there is none:
    it would be the largest part of an idle connection.
    """

    __slots__ = (
        "_closing",
        "_connections",
        "_cutting",
        "_fragments",
        "_most_bytes",
        "_parser",
        "_talker",
        "_transport",
        "writable",
    )

    def __init__(
        self, transport: asyncio.Transport, *, connections: set[Any], most_bytes: int
    ) -> None:
        self._transport = transport
        self._connections = connections
        self._most_bytes = most_bytes
        self._parser: Protocol | None = None
        self._fragments: list[bytes] | None = None
        self._talker: Talker | None = None
        self._closing = False
        self._cutting: asyncio.TimerHandle | None = None
        self.writable = True
        connections.add(self)

    def answer(self, make_talker: Callable[[Line], Talker]) -> Talker:
        """Begin to talk."""
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES, low=LOW_WATER_BYTES)
        self._transport.set_protocol(self)
        self._talker = talker = make_talker(self)
        return talker

    def send(self, frame: bytes) -> None:
        """Write whole frames, unless it is over."""
        if not self._closing and not self._transport.is_closing():
            self._transport.write(frame)

    def pause_reading(self) -> None:
        """Read nothing more for now."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, and cut when the client has answered it or had time to."""
        if self._closing:
            return
        last_word = Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=False)
        self.send(last_word)
        self._closing = True
        self.resume_reading()
        self._cut_soon()

    def abort(self) -> None:
        """Cut at once, whatever was not sent yet."""
        self._transport.abort()

    def shutdown(self) -> None:
        """The server stops, as uvicorn tells its connections; the talker chooses the moment."""

    def data_received(self, data: bytes) -> None:
        """Pass on what the client said, and answer pings and its close."""
        parser = self._parser
        if parser is None:
            parser = Protocol(SERVER, max_size=self._most_bytes, logger=_log)
        parser.receive_data(data)
        for frame in parser.events_received():
            assert isinstance(frame, Frame)
            self._take(frame)
        if answers := b"".join(parser.data_to_send()):
            self.send(answers)
        if parser.state is not OPEN:
            self._end()
        self._parser = None if _is_between_frames(parser) else parser

    def pause_writing(self) -> None:
        """More waits for the client than it should."""
        self.writable = False
        if self._talker is not None:
            self._talker.stalled()

    def resume_writing(self) -> None:
        """The client has read."""
        self.writable = True
        if self._talker is not None:
            self._talker.drained()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        """It is over, one way or the other."""
        self._connections.discard(self)
        if self._cutting is not None:
            self._cutting.cancel()
            self._cutting = None
        self._let_go()

    def _take(self, frame: Frame) -> None:
        if self._closing or self._talker is None:
            return
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                if frame.opcode is not Opcode.CONT:
                    self._fragments = [] if frame.opcode is Opcode.TEXT else None
                if self._fragments is not None:
                    self._fragments.append(bytes(frame.data))
                if frame.fin:
                    parts, self._fragments = self._fragments, None
                    self._talker.heard(None if parts is None else b"".join(parts))
            case Opcode.PING | Opcode.PONG:
                self._talker.alive()

    def _end(self) -> None:
        """The client has said its last word, or nothing that can be understood."""
        self._closing = True
        self._let_go()
        self._transport.close()
        self._cut_soon()

    def _let_go(self) -> None:
        talker, self._talker = self._talker, None
        if talker is not None:
            talker.gone()

    def _cut_soon(self) -> None:
        """Closing a transport waits for its buffer to drain, perhaps for ever."""
        if self._cutting is None:
            loop = asyncio.get_running_loop()
            self._cutting = loop.call_later(FLUSH_SECONDS, self._transport.abort)


def _is_between_frames(parser: Protocol) -> bool:
    """Whether the parser waits for the first byte of a message. Only then it may be forgotten."""
    running = cast("GeneratorType[None, None, None]", parser.parser)
    waits_in = getattr(running.gi_yieldfrom, "__name__", "")
    return waits_in == "at_eof" and parser.current_size is None and parser.state is OPEN
