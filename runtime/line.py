"""A WebSocket after its handshake, with as little as an idle connection needs."""

import asyncio
import logging
from collections.abc import Callable
from types import GeneratorType
from typing import Any, Final, cast

from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from graph.line import Line, Talker

# What waits in our memory for a slow client, before it counts as not writable and when again.
# uvloop keeps about four times as much for small writes that wait: measured by bench W8.
HIGH_WATER_BYTES: Final = 16 * 1024
LOW_WATER_BYTES: Final = 4 * 1024
# What is read of one client before it is everybody else's turn.
TURN_BYTES: Final = 4 * 1024
# Of one client in one second, whatever they carry. Honest clients stay far below it.
MOST_FRAMES: Final = 1_000
# After the last word: for it to be read, and for the client's answer.
FLUSH_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class DirectLine(asyncio.Protocol):
    """Takes a transport over from uvicorn: frames go out as they are, messages come in whole.

    websockets' parser reads. Between two frames it holds nothing that matters, and there is none:
    it would be the largest part of an idle connection. It is fed in small pieces, a piece a turn of
    the loop: a client that sends all it can would else be the only one who is heard.
    """

    __slots__ = (
        "_closing",
        "_connections",
        "_cutting",
        "_fragments",
        "_frames",
        "_most_bytes",
        "_parser",
        "_paused",
        "_second",
        "_talker",
        "_transport",
        "_unread",
        "_waits_for_turn",
        "writable",
    )

    def __init__(
        self, transport: asyncio.Transport, *, connections: set[Any], most_bytes: int
    ) -> None:
        self._transport = transport
        self._connections = connections
        self._most_bytes = most_bytes
        self._parser: Protocol | None = None
        # Of a text message. Not a list: fragments may be empty, and without end.
        self._fragments: bytearray | None = None
        self._talker: Talker | None = None
        # The talker hears nothing for now.
        self._paused = False
        # What was received and not parsed yet; the transport is paused until there is none.
        self._unread = b""
        self._waits_for_turn = False
        # How many frames came in which second of the clock.
        self._frames = 0
        self._second = 0
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
        """Pass on nothing more for now."""
        self._paused = True
        self._read_or_wait()

    def resume_reading(self) -> None:
        """Pass on what comes, beginning with what has come."""
        self._paused = False
        self._read_or_wait()

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
        """Take the first piece; more of it waits for its turn, and the client for that."""
        self._unread += data
        if not self._paused and not self._waits_for_turn:
            self._hear()
        if self._unread:
            self._read_or_wait()

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
        self._unread = b""
        if self._cutting is not None:
            self._cutting.cancel()
            self._cutting = None
        self._let_go()

    def _take_turn(self) -> None:
        self._waits_for_turn = False
        if self._unread and not self._paused:
            self._hear()
        self._read_or_wait()

    def _read_or_wait(self) -> None:
        """Receive more when all is parsed, and the talker hears; a transport counts no reasons."""
        if self._transport.is_closing():
            self._unread = b""
        elif self._paused or self._unread:
            self._transport.pause_reading()
            if not self._paused and not self._waits_for_turn:
                self._waits_for_turn = True
                asyncio.get_running_loop().call_soon(self._take_turn)
        else:
            self._transport.resume_reading()

    def _hear(self) -> None:
        """Pass on what the client said in one piece, and answer pings and its close."""
        piece, self._unread = self._unread[:TURN_BYTES], self._unread[TURN_BYTES:]
        parser = self._parser
        if parser is None:
            parser = Protocol(SERVER, max_size=self._most_bytes, logger=_log)
        parser.receive_data(piece)
        frames = parser.events_received()
        if self._are_too_many(len(frames)):
            self._stop_listening()
            return
        for frame in frames:
            assert isinstance(frame, Frame)
            self._take(frame)
        if answers := b"".join(parser.data_to_send()):
            self.send(answers)
        if parser.state is not OPEN:
            self._end(parser)
        self._parser = None if _is_between_frames(parser) else parser

    def _are_too_many(self, frames: int) -> bool:
        # Python shares small integers: a larger one would cost memory for each connection.
        second = int(asyncio.get_running_loop().time()) & 0xFF
        if second != self._second:
            self._second, self._frames = second, 0
        self._frames += frames
        return self._frames > MOST_FRAMES

    def _take(self, frame: Frame) -> None:
        if self._closing or self._talker is None:
            return
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                if frame.opcode is not Opcode.CONT:
                    self._fragments = bytearray() if frame.opcode is Opcode.TEXT else None
                if self._fragments is not None:
                    self._fragments += frame.data
                if frame.fin:
                    text, self._fragments = self._fragments, None
                    self._talker.heard(None if text is None else bytes(text))
            case Opcode.PING | Opcode.PONG:
                self._talker.alive()

    def _stop_listening(self) -> None:
        """Nothing is read of this client any more, not even its answer to our close."""
        if self._talker is not None:
            self._talker.close(CloseCode.POLICY_VIOLATION, "Too many messages")
        self._let_go()
        self._unread = b""
        self._parser = self._fragments = None
        self.pause_reading()

    def _end(self, parser: Protocol) -> None:
        """The client has said its last word, or nothing that can be understood."""
        self._closing = True
        if self._talker is not None and parser.parser_exc is not None and parser.close_sent:
            self._talker.close(parser.close_sent.code, parser.close_sent.reason)
        self._let_go()
        self._transport.close()
        self._cut_soon()

    def _let_go(self) -> None:
        talker, self._talker = self._talker, None
        if talker is not None:
            talker.gone()

    def _cut_soon(self) -> None:
        if self._cutting is None:
            self._cutting = cut_soon(self._transport)


def cut_soon(transport: asyncio.Transport) -> asyncio.TimerHandle:
    """Closing a transport waits for its buffer to drain, perhaps for ever."""
    return asyncio.get_running_loop().call_later(FLUSH_SECONDS, transport.abort)


def _is_between_frames(parser: Protocol) -> bool:
    """Whether the parser waits for the first byte of a message. Only then it may be forgotten."""
    running = cast("GeneratorType[None, None, None]", parser.parser)
    waits_in = getattr(running.gi_yieldfrom, "__name__", "")
    return waits_in == "at_eof" and parser.current_size is None and parser.state is OPEN
