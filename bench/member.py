"""One subscriber of a crowd: a raw socket that shakes hands, subscribes, and then only counts."""

import contextlib
import enum
import socket
import struct
from typing import Final
from uuid import uuid4

import orjson

from bench.news import QUERY, BadNews, News, Reader
from bench.wire import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    BadFrame,
    accepts,
    client_frame,
    handshake,
    new_key,
    split_frames,
)

_PROTOCOL: Final = "graphql-transport-ws"
_INIT: Final = client_frame(TEXT, b'{"type":"connection_init"}')
_PONG_MESSAGE: Final = client_frame(TEXT, b'{"type":"pong"}')
_READ_BYTES: Final = 65_536
_UNREAD_BYTES: Final = 32_768
# linux/in.h: choose the port at connect, so that one port serves many destinations.
_IP_BIND_ADDRESS_NO_PORT: Final = 24
_CLOSED_HARD: Final = struct.pack("ii", 1, 0)
_CODE_BYTES: Final = 2
# A close frame without a code, and an end without a close frame: RFC 6455, section 7.4.1
_NO_CODE: Final = 1005
_CUT: Final = 1006


class Stage(enum.Enum):
    """How far a member has come."""

    UPGRADING = enum.auto()
    GREETING = enum.auto()
    SUBSCRIBING = enum.auto()
    LIVE = enum.auto()
    CLOSED = enum.auto()


class Member:
    """Keeps the newest news that came, and notices when older news come after it."""

    __slots__ = (
        "_hello", "_key", "_reader", "_rest", "ages_ms", "backwards", "code", "events", "news",
        "socket", "stage", "stalled", "topic", "trouble",
    )  # fmt: skip

    def __init__(
        self, address: tuple[str, int], *, source: str, topic: str, reader: Reader
    ) -> None:
        """Begin to connect; does not wait."""
        self.topic = topic
        self.stage = Stage.UPGRADING
        self.stalled = False
        self.news: News | None = None
        self.events = 0
        self.backwards = 0
        self.code = 0
        self.trouble = ""
        self.ages_ms: list[float] = []
        self._reader = reader
        self._rest = b""
        self._key = new_key()
        self._hello = handshake(f"{address[0]}:{address[1]}", "/graphql", self._key, _PROTOCOL)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # What the kernel takes in for somebody who does not read: little, and always the same.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UNREAD_BYTES)
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((source, 0))
        with contextlib.suppress(BlockingIOError):
            self.socket.connect(address)

    def connected(self) -> None:
        """The connection is made, or refused."""
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._end(_CUT, f"connect: errno {error}")
        else:
            self._say(self._hello)
            self._hello = b""

    def read(self, now: float) -> None:
        """Take what came; `now` is Unix time, by which the age of news is told."""
        try:
            data = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(_CUT, f"recv: {error.strerror}")
            return
        if not data:
            self._end(_CUT, "ended without a close frame")
            return
        stream = self._rest + data
        if self.stage is Stage.UPGRADING:
            head, end, stream = stream.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            if not accepts(head, self._key):
                self._end(_CUT, f"not accepted: {head[:80]!r}")
                return
            self.stage = Stage.GREETING
            self._say(_INIT)
        try:
            frames, self._rest = split_frames(stream)
            for opcode, payload in frames:
                self._take(opcode, payload, now)
        except (BadFrame, BadNews) as error:
            self._end(_CUT, str(error))

    def reset(self) -> None:
        """Count anew; what is known of the deal stays."""
        self.events = 0
        self.backwards = 0
        self.ages_ms = []

    def cut(self) -> None:
        """End at once with a reset, as a phone does that loses its network."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSED_HARD)
        self.socket.close()
        self.stage = Stage.CLOSED

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == TEXT:
            # Whatever the order of its entries, the type stands before the payload.
            if payload.find(b'"next"', 0, 96) >= 0:
                self._hear(payload, now)
            else:
                self._answer(payload)
        elif opcode == PING:
            self._say(client_frame(PONG, payload))
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:_CODE_BYTES], "big") if payload else _NO_CODE
            self._end(code, payload[_CODE_BYTES:].decode(errors="replace"))

    def _hear(self, message: bytes, now: float) -> None:
        news = self._reader.read(message)
        if self.news is not None and news.order < self.news.order:
            self.backwards += 1
        else:
            self.news = news
        self.events += 1
        self.stage = Stage.LIVE
        self.ages_ms.append((now - news.as_of) * 1000)

    def _answer(self, message: bytes) -> None:
        match orjson.loads(message).get("type"):
            case "connection_ack":
                self.stage = Stage.SUBSCRIBING
                asked = {"query": QUERY, "variables": {"dealIds": [self.topic]}}
                told = {"id": str(uuid4()), "type": "subscribe", "payload": asked}
                self._say(client_frame(TEXT, orjson.dumps(told)))
            case "ping":
                self._say(_PONG_MESSAGE)
            case "pong":
                pass
            case _:
                raise BadNews(message[:200].decode(errors="replace"))

    def _say(self, frame: bytes) -> None:
        """What a subscriber says is little: it fits into any socket's buffer."""
        try:
            sent = self.socket.send(frame)
        except OSError as error:
            self._end(_CUT, f"send: {error.strerror}")
            return
        if sent != len(frame):
            self._end(_CUT, "a send was cut short")

    def _end(self, code: int, trouble: str) -> None:
        if self.stage is not Stage.CLOSED:
            self.stage, self.code, self.trouble = Stage.CLOSED, code, trouble
            self.socket.close()
