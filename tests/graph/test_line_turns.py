"""However much one client sends, others get their turn, and what it makes us keep is bounded."""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from graph.connection import Connection
from graph.conversation import Conversation
from graph.line import Line
from runtime import line
from runtime.line import TURN_BYTES, DirectLine
from runtime.socket_protocol import BoundedSocket
from tests.graph.edge import Edge, edge_settings, serve_edge, until
from tests.graph.raw import Raw, frame

PING, PONG = frame(b"", first=0x89), frame(b"", first=0x8A)
EMPTY = frame(b"", first=0x00)
MUCH = 512 * 1024


class Wire(asyncio.Transport):
    """Remembers whether it is read, and what it was told to send."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True
        self.closing = False
        self.sent = b""

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write(self, data: Any) -> None:
        self.sent += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass

    def close(self) -> None:
        self.closing = True


class Listener:
    """Asks for a pause at the first message."""

    def __init__(self, its_line: Line) -> None:
        self.line = its_line
        self.heard_so_far: list[bytes | None] = []
        self.signs = 0

    def heard(self, raw: bytes | None) -> None:
        if not self.heard_so_far:
            self.line.pause_reading()
        self.heard_so_far.append(raw)

    def alive(self) -> None:
        self.signs += 1

    def stalled(self) -> None:
        pass

    def drained(self) -> None:
        self.line.resume_reading()

    def close(self, code: int, reason: str) -> None:
        self.line.close(code, reason)

    def gone(self) -> None:
        pass


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with serve_edge(edge_settings()) as served:
        yield served


@pytest.fixture
async def raw(edge: Edge) -> AsyncIterator[Raw]:
    client = Raw(edge.port)
    await client.open()
    yield client
    client.link.close()


async def turns(number: int) -> None:
    """Let everybody have so many turns."""
    for _ in range(number):
        await asyncio.sleep(0)


def line_of(edge: Edge) -> DirectLine:
    (talk,) = edge.board.farewell._guests  # noqa: SLF001 - those that are open
    assert isinstance(talk, Conversation)
    assert isinstance(talk.line, DirectLine)
    return talk.line


async def test_others_have_their_turn_while_one_client_sends_much(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "MOST_FRAMES", MUCH)
    turn, heard_in, really_alive = 0, Counter[int](), Connection.alive

    def alive(connection: Connection) -> None:
        heard_in[turn] += 1
        really_alive(connection)

    async def somebody_else() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(Connection, "alive", alive)
    others = asyncio.create_task(somebody_else())
    await raw.send(PONG * (MUCH // len(PONG)))
    await until(lambda: heard_in.total() == MUCH // len(PONG))
    others.cancel()
    assert max(heard_in.values()) <= TURN_BYTES // len(PONG) + 1


@pytest.mark.parametrize("sent", [PING, PONG, EMPTY, frame(b'{"type":"pong"}')])
async def test_a_client_that_floods_is_sent_away_and_counted(
    edge: Edge, raw: Raw, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "FLUSH_SECONDS", 0.2)
    monkeypatch.setattr(line, "MOST_FRAMES", 200)
    await raw.send(frame(b"", first=0x01) if sent is EMPTY else PONG)
    await raw.send(sent * 2_000)
    await raw.hears(struct.pack("!H", 1008) + b"Too many messages")
    closes = edge.metrics.registry.get_sample_value(
        "flashsale_socket_closes_total", {"code": "1008"}
    )
    assert closes == 1
    await raw.is_cut()


async def test_an_honest_burst_is_heard(raw: Raw) -> None:
    await raw.send(frame(b'{"type":"pong"}') * 900 + frame(b'{"type":"ping"}'))
    await raw.hears(b'"pong"')


async def test_empty_fragments_take_no_memory(edge: Edge, raw: Raw) -> None:
    held = line_of(edge)
    await raw.send(frame(b'{"type":', first=0x01) + EMPTY * 500 + frame(b"?", first=0x89))
    await raw.hears(b"\x8a\x01?")
    assert len(held._fragments or b"") <= len(b'{"type":')  # noqa: SLF001
    await raw.send(frame(b'"ping"}', first=0x80))
    await raw.hears(b'"pong"')


def line_on(wire: Wire) -> tuple[DirectLine, Listener]:
    held = DirectLine(wire, connections=set(), most_bytes=65_536)
    talker = held.answer(Listener)
    assert isinstance(talker, Listener)
    return held, talker


async def test_a_turn_does_not_end_a_pause_of_the_talker() -> None:
    wire = Wire()
    held, talker = line_on(wire)
    messages = [b"%03d" % number + b"x" * (TURN_BYTES // 3) for number in range(19)]
    held.data_received(b"".join(map(frame, messages)))
    await turns(20)
    assert 0 < len(talker.heard_so_far) < 4
    assert not wire.reading
    held.resume_reading()
    assert not wire.reading, "there is something unread"
    await turns(2)
    held.pause_reading()
    early = list(talker.heard_so_far)
    await turns(20)
    assert talker.heard_so_far == early
    held.resume_reading()
    await turns(40)
    assert talker.heard_so_far == messages
    assert wire.reading


async def test_a_client_that_floods_is_not_read_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "MOST_FRAMES", 200)
    wire = Wire()
    held, talker = line_on(wire)
    held.data_received(PONG * 5_000)
    await turns(20)
    assert struct.pack("!H", 1008) in wire.sent
    assert talker.signs <= 200
    assert not wire.reading
    held.pause_writing()
    held.resume_writing()
    held.close(4400, "said twice")
    assert not wire.reading
    held.connection_lost(None)


async def test_nothing_is_taken_up_again_after_the_end() -> None:
    wire = Wire()
    held, _ = line_on(wire)
    goodbye = frame(struct.pack("!H", 1001), first=0x88)
    held.data_received(PONG * (TURN_BYTES // len(PONG)) + goodbye)
    wire.closing = True
    held.connection_lost(None)
    await turns(20)
    assert held._unread == b""  # noqa: SLF001
    assert held._cutting is None, "it would be kept"  # noqa: SLF001


async def test_what_comes_before_the_line_is_left_to_it() -> None:
    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        asked.append(wire.reading)

    asked: list[bool] = []
    wire = Wire()
    config = uvicorn.Config(application, ws=BoundedSocket, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    upgrading = BoundedSocket(config, state, {})
    upgrading.connection_made(wire)
    upgrading.data_received(
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert not wire.reading
    await asyncio.gather(*state.tasks)
    assert asked == [True]
    upgrading.connection_lost(OSError())
