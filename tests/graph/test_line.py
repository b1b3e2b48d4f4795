"""The direct line over real sockets: whatever way the bytes of messages come, and how it ends."""

import asyncio
import gc
import json
import logging
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from auth.sessions import Viewer
from graph.conversation import Conversation
from graph.line import text_frame
from graph.switchboard import Pace
from runtime import line
from runtime.line import DirectLine
from tests.graph.edge import PACE as QUICK
from tests.graph.edge import Edge, Talk, edge_settings, serve_edge, until
from tests.graph.raw import MASK, Raw, frame

HELLO = b'{"type":"subscribe","id":"1","payload":{"query":"{ hello }"}}'
LARGE = "subscription { state { version padding(size: 60000) } }"


@pytest.fixture
async def raw(edge: Edge) -> AsyncIterator[Raw]:
    client = Raw(edge.port)
    await client.open()
    yield client
    client.link.close()


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "FLUSH_SECONDS", 0.2)


def count(*kinds: type) -> int:
    """How many objects of these kinds are alive; those of failed tests are, too."""
    gc.collect()
    return sum(isinstance(each, kinds) for each in gc.get_objects())


def closes(edge: Edge, code: int) -> float:
    """How many sockets are counted as closed by us with this code."""
    labels = {"code": str(code)}
    return edge.metrics.registry.get_sample_value("flashsale_socket_closes_total", labels) or 0


@pytest.mark.parametrize("length", [5, 125, 126, 300, 65_535, 65_536, 70_000])
async def test_a_client_understands_frames_of_every_length(talk: Talk, length: int) -> None:
    query = f"subscription {{ state {{ padding(size: {length}) }} }}"
    await talk.subscribe("1", query)
    assert (await talk.read())["payload"]["data"]["state"]["padding"] == "x" * length


def test_a_frame_is_made_of_its_parts() -> None:
    assert text_frame(b"ab", b"", b"c") == b"\x81\x03abc"


async def test_a_message_may_come_byte_by_byte(raw: Raw) -> None:
    for byte in frame(HELLO):
        await raw.send(bytes((byte,)))
        await asyncio.sleep(0)
    await raw.hears(b"hello you")


async def test_a_message_may_come_in_fragments_with_a_ping_between(raw: Raw) -> None:
    await raw.send(frame(HELLO[:20], first=0x01))
    await raw.send(frame(b"there?", first=0x89))
    await raw.hears(b"\x8a\x06there?")
    await raw.send(frame(HELLO[20:40], first=0x00))
    await raw.send(frame(HELLO[40:], first=0x80))
    await raw.hears(b"hello you")


async def test_several_messages_may_come_at_once(raw: Raw) -> None:
    second = HELLO.replace(b'"1"', b'"2"')
    await raw.send(frame(HELLO) + frame(second) + frame(b'{"type":"ping"}'))
    await raw.hears(b'"id":"2","type":"complete"')
    assert b'"pong"' in raw.heard


async def test_what_is_said_before_the_init_is_answered_waits_for_it(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, sign_in = edge.sessions.open(), edge.sessions.viewer
    asked, answered = asyncio.Event(), asyncio.Event()

    async def held_back(token: str) -> Viewer:
        asked.set()
        await answered.wait()
        return await sign_in(token)

    monkeypatch.setattr(edge.sessions, "viewer", held_back)
    client = Raw(edge.port)
    await client.shake_hands()
    init = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
    await client.send(frame(json.dumps(init).encode()) + frame(HELLO) + frame(b"{"))
    async with asyncio.timeout(10):
        await asked.wait()
    client.heard = b""
    answered.set()
    await client.hears(struct.pack("!H", 4400))
    assert client.heard.startswith(text_frame(b'{"type":"connection_ack"}'))
    client.link.close()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b"\xff\xfe"), 1007),
        (frame(b"x", first=0x83), 1002),
        (frame(b"x", first=0x80), 1002),
        (b"\x81\x01x", 1002),
        (b"\x81\xff" + struct.pack("!Q", 1 << 40) + MASK, 1009),
        (frame(b"", first=0x82), 4400),
        (frame(struct.pack("!H", 1001), first=0x88), 1001),
    ],
    ids=["utf-8", "opcode", "continuation", "unmasked", "too big", "binary", "close"],
)
@pytest.mark.usefixtures("no_wait")
async def test_what_cannot_be_understood_ends_the_line_with_a_code(
    edge: Edge, raw: Raw, sent: bytes, code: int
) -> None:
    before = closes(edge, code)
    await raw.send(sent)
    await raw.hears(struct.pack("!H", code))
    if code >= 4000:
        await raw.send(frame(struct.pack("!H", code), first=0x88))
    await raw.is_closed()
    ours = code != 1001
    assert closes(edge, code) == before + ours


async def test_a_close_of_ours_is_over_when_the_client_answers_it(raw: Raw) -> None:
    await raw.send(frame(b"{"))
    await raw.hears(struct.pack("!H", 4400))
    await raw.send(frame(b'{"type":"ping"}'))
    await raw.send(frame(struct.pack("!H", 4400), first=0x88))
    await raw.is_closed()
    assert b"pong" not in raw.heard


@pytest.mark.usefixtures("no_wait")
async def test_a_close_of_ours_does_not_wait_for_ever(raw: Raw) -> None:
    await raw.send(frame(b"{"))
    await raw.hears(struct.pack("!H", 4400))
    await raw.is_closed()


async def test_an_idle_line_keeps_no_parser(edge: Edge, raw: Raw) -> None:
    guests = edge.board.farewell._guests  # noqa: SLF001 - those that are open
    await until(lambda: len(guests) == 1)
    (talk,) = guests
    assert isinstance(talk, Conversation)
    held = talk.line
    assert isinstance(held, DirectLine)
    assert held._parser is None  # noqa: SLF001 - what an idle connection costs
    await raw.send(frame(HELLO)[:-1])
    await until(lambda: held._parser is not None)  # noqa: SLF001
    await raw.send(frame(HELLO)[-1:])
    await until(lambda: held._parser is None)  # noqa: SLF001


async def test_a_socket_that_is_let_in_is_no_news(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = Raw(edge.port)
    await client.open()
    client.link.close()
    assert [record.message for record in caplog.records if "accepted" in record.message] == []


@pytest.mark.usefixtures("no_wait")
async def test_a_client_that_never_reads_is_cut() -> None:
    pace = Pace(drain_within=0.3)
    async with serve_edge(edge_settings(), pace=pace) as edge:
        before = count(DirectLine)
        deaf = Raw(edge.port, buffer_bytes=4_096)
        await deaf.open()
        payload = {"query": LARGE}
        message = {"type": "subscribe", "id": "1", "payload": payload}
        await deaf.send(frame(json.dumps(message).encode()))
        version = 0

        def closed() -> bool:
            nonlocal version
            version += 1
            edge.fakes.board.put("tea", version)
            return edge.metrics.registry.get_sample_value("flashsale_sockets") == 0

        await until(closed)
        assert closes(edge, 1013) == 1
        assert len(edge.groups) == 0
        await until(lambda: count(DirectLine) <= before)
        deaf.link.close()


async def test_nothing_is_left_of_sockets_that_were_cut_off() -> None:
    async with serve_edge(edge_settings(), pace=QUICK) as edge:
        board = edge.fakes.board
        before = count(DirectLine, Conversation)
        for _ in range(3):
            clients = [Raw(edge.port) for _ in range(100)]
            await asyncio.gather(*(client.open() for client in clients))
            for number, client in enumerate(clients):
                payload = {"query": f'subscription {{ state(of: "{number % 10}") {{ version }} }}'}
                message = json.dumps({"type": "subscribe", "id": "1", "payload": payload})
                await client.send(frame(message.encode()))
            await asyncio.gather(*(client.hears(b'"next"') for client in clients))
            assert len(edge.groups) == 10
            for client in clients:
                client.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.link.close()
        await until(lambda: board.watching.watched() == [])
        assert len(edge.groups) == 0
        await until(lambda: count(DirectLine, Conversation) <= before)
        sockets, operations, groups = (
            edge.metrics.registry.get_sample_value(name)
            for name in (
                "flashsale_sockets",
                "flashsale_socket_operations",
                "flashsale_live_groups",
            )
        )
        assert (sockets, operations, groups) == (0, 0, 0)
