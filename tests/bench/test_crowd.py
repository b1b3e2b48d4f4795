"""The crowd against a small server that says what each test wants."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from bench.crowd import Crowd
from bench.news import BadNews, News, Reader, stale
from bench.wire import TEXT
from tests.bench.test_wire import server_frame

DEAL = "deal_1"
TOLD = {
    "dealId": DEAL, "epoch": 1, "version": 5, "allotment": 9, "available": 6, "held": 2,
    "sold": 1, "asOf": "2026-11-27T09:00:00.000Z",
}  # fmt: skip


def event(**changed: Any) -> bytes:
    payload = {"data": {"stockChanged": {**TOLD, **changed}}}
    return json.dumps({"id": "1", "type": "next", "payload": payload}).encode()


def final(version: int) -> list[int]:
    return [1, version, 9, 6, 2, 1]


@dataclass
class Theatre:
    """Knows whom it let in, and what it says to somebody who has just subscribed."""

    port: int = 0
    first: bytes = field(default_factory=event)
    heard: list[dict[str, Any]] = field(default_factory=list)
    stage: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = head.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
        magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        hashed = hashlib.sha1((key + magic).encode(), usedforsecurity=False)
        digest = base64.b64encode(hashed.digest()).decode()
        writer.write(f"HTTP/1.1 101 Welcome\r\nSec-WebSocket-Accept: {digest}\r\n\r\n".encode())
        while True:
            try:
                head_bytes = await reader.readexactly(2)
                length = head_bytes[1] & 0x7F
                if length == 126:
                    length = int.from_bytes(await reader.readexactly(2), "big")
                message = json.loads((await reader.readexactly(4 + length))[4:])
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            self.heard.append(message)
            if message["type"] == "connection_init":
                writer.write(server_frame(TEXT, b'{"type": "connection_ack"}'))
            elif message["type"] == "subscribe":
                self.stage.append(writer)
                writer.write(server_frame(TEXT, self.first))

    def say(self, writer: asyncio.StreamWriter, message: bytes) -> None:
        writer.write(server_frame(TEXT, message))


@asynccontextmanager
async def opened(**how: Any) -> AsyncIterator[Theatre]:
    theatre = Theatre(**how)
    server = await asyncio.start_server(theatre.serve, "127.0.0.1", 0)
    theatre.port = server.sockets[0].getsockname()[1]
    try:
        yield theatre
    finally:
        server.close()


async def do(crowd: Crowd, word: str, **details: Any) -> dict[str, Any]:
    return await asyncio.to_thread(crowd.do, {"do": word, "with": details})


async def fill(crowd: Crowd, theatre: Theatre, count: int) -> dict[str, Any]:
    return await do(
        crowd, "connect", port=theatre.port, count=count, topics=[DEAL], at_once=3, seconds=10
    )


async def test_members_subscribe_under_ids_of_their_own_and_hear_of_their_deal() -> None:
    crowd = Crowd()
    async with opened() as theatre:
        came = await fill(crowd, theatre, 7)
        assert (came["live"], came["ended"]) == (7, {})
        asked = [message for message in theatre.heard if message["type"] == "subscribe"]
        assert len({message["id"] for message in asked}) == 7
        assert asked[0]["payload"]["variables"] == {"dealIds": [DEAL]}
        await do(crowd, "cut")


async def test_a_socket_that_holds_a_stale_value_at_the_end_is_noticed() -> None:
    crowd = Crowd()
    async with opened() as theatre:
        await fill(crowd, theatre, 3)
        for writer in theatre.stage[:2]:
            theatre.say(writer, event(version=6))
        late = await do(crowd, "until_final", finals={DEAL: final(6)}, seconds=0.3)
        assert (late["members"], late["stale"]) == (3, 1)
        theatre.say(theatre.stage[2], event(version=6))
        done = await do(crowd, "until_final", finals={DEAL: final(6)}, seconds=10)
        assert (done["members"], done["stale"]) == (3, 0)
        await do(crowd, "cut")


async def test_a_version_that_goes_backwards_is_noticed_and_not_kept() -> None:
    crowd = Crowd()
    async with opened() as theatre:
        await fill(crowd, theatre, 1)
        await do(crowd, "reset")
        for version in (7, 6, 8):
            theatre.say(theatre.stage[0], event(version=version))
        await do(crowd, "until_final", finals={DEAL: final(8)}, seconds=10)
        told = await do(crowd, "tell")
        assert (told["events"], told["backwards"]) == (3, 1)
        await do(crowd, "cut")


async def test_a_ping_of_the_protocol_is_answered() -> None:
    crowd = Crowd()
    async with opened() as theatre:
        await fill(crowd, theatre, 1)
        theatre.say(theatre.stage[0], b'{"type":"ping"}')
        theatre.say(theatre.stage[0], event(version=6))
        await do(crowd, "until_final", finals={DEAL: final(6)}, seconds=10)
        async with asyncio.timeout(10):
            while theatre.heard[-1] != {"type": "pong"}:
                await asyncio.sleep(0.01)
        await do(crowd, "cut")


async def test_an_error_in_place_of_news_ends_the_member_and_is_told() -> None:
    crowd = Crowd()
    first = b'{"id":"1","type":"next","payload":{"data":null,"errors":[{"message":"no"}]}}'
    async with opened(first=first) as theatre:
        came = await fill(crowd, theatre, 2)
        assert came["live"] == 0
        ((why, count),) = came["ended"].items()
        assert "'message': 'no'" in why
        assert count == 2


async def test_a_stalled_member_reads_nothing_and_is_not_waited_for() -> None:
    crowd = Crowd()
    async with opened() as theatre:
        await fill(crowd, theatre, 2)
        assert await do(crowd, "stall", count=1, topic="deal_2") == {"stalled": 0}
        assert await do(crowd, "stall", count=1, topic=DEAL) == {"stalled": 1}
        for writer in theatre.stage:
            theatre.say(writer, event(version=6))
        done = await do(crowd, "until_final", finals={DEAL: final(6)}, seconds=10)
        assert (done["members"], done["stale"]) == (1, 0)
        assert await do(crowd, "stall", count=0, topic=DEAL) == {"stalled": 0}
        done = await do(crowd, "until_final", finals={DEAL: final(6)}, seconds=10)
        assert (done["members"], done["stale"]) == (2, 0)
        await do(crowd, "cut")


def test_all_counters_must_agree_not_the_version_alone() -> None:
    news = Reader().read(event())
    assert stale([news], {DEAL: final(5)}) == []
    assert stale([news, None], {DEAL: [1, 5, 9, 5, 3, 1]}) == [news, None]
    assert stale([news], {"deal_2": final(5)}) == [news]


def test_the_same_payload_under_another_id_is_parsed_once() -> None:
    reader = Reader()
    first = reader.read(event())
    assert reader.read(event().replace(b'"id": "1"', b'"id": "2"')) is first
    assert reader.read(event(version=6)).version == 6
    assert reader.distinct == 2
    assert first == News(DEAL, 1, 5, 9, 6, 2, 1, 1_795_770_000.0)


def test_what_is_no_event_of_stock_is_refused() -> None:
    with pytest.raises(BadNews):
        Reader().read(b'{"id":"1","type":"next","payload":{"data":{"other":1}}}')
