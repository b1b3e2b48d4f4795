"""A client that reads slowly, or not at all, or says nothing: on a line that tests move by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from graph.context import RequestFacts
from graph.conversation import Conversation
from graph.crowding import Crowding
from graph.farewell import Farewell
from graph.follower import MOST_KEPT
from graph.switchboard import Pace, Switchboard
from tests.graph.edge import edge_library, edge_settings, until
from tests.graph.members import Hall, open_hall
from tests.graph.small_schema import ENDED

STATE = "subscription { state { version } }"


@dataclass
class Rope:
    """A line that writes into a list."""

    writable: bool = True
    reading: bool = True
    sent: list[dict[str, Any]] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)

    def send(self, frame: bytes) -> None:
        while frame:
            length, start = frame[1], 2
            if length == 126:
                length, start = int.from_bytes(frame[2:4], "big"), 4
            if frame[0] == 0x81:
                self.sent.append(json.loads(frame[start : start + length]))
            frame = frame[start + length :]

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self, code: int, reason: str) -> None:
        assert reason
        self.closes.append(code)

    def abort(self) -> None:
        self.closes.append(0)


class Client:
    """A conversation over a rope, as its server sees it."""

    def __init__(self, hall: Hall, pace: Pace) -> None:
        self.rope = Rope()
        board = Switchboard(
            hall.groups._execution,  # noqa: SLF001 - the one that the groups have
            hall.groups,
            settings=edge_settings(),
            library=edge_library(edge_settings()),
            open_sessions=hall.fakes.open_sessions,
            crowding=Crowding(edge_settings()),
            farewell=Farewell(ends_per_second=1_000),
            pace=pace,
        )
        facts = RequestFacts("req_1", None, "192.0.2.1", None, secure=False)
        self.talk = Conversation(board, self.rope, facts=facts, explicit_token=False)
        self.say(type="connection_init")
        assert self.rope.sent.pop() == {"type": "connection_ack"}

    def say(self, **message: object) -> None:
        self.talk.heard(json.dumps(message).encode())

    def subscribe(self, operation_id: str, query: str) -> None:
        self.say(type="subscribe", id=operation_id, payload={"query": query})

    def stall(self) -> None:
        self.rope.writable = False
        self.talk.stalled()

    def drain(self) -> None:
        self.rope.writable = True
        self.talk.drained()

    def told(self) -> list[dict[str, Any]]:
        told = [message for message in self.rope.sent if message["type"] != "ping"]
        self.rope.sent.clear()
        return told


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    opened = open_hall()
    yield opened
    await opened.groups.aclose()


@pytest.fixture
async def client(hall: Hall) -> Client:
    return Client(hall, Pace())


def version(number: int, operation_id: str = "1") -> dict[str, Any]:
    payload = {"data": {"state": {"version": number}}}
    return {"id": operation_id, "type": "next", "payload": payload}


async def follow(client: Client) -> None:
    client.subscribe("1", STATE)
    await until(lambda: bool(client.rope.sent))
    assert client.told() == [version(0)]


async def put(hall: Hall, *versions: int) -> None:
    for each in versions:
        hall.fakes.board.put("tea", each)
        executions = hall.executions
        await until(lambda executions=executions: hall.executions > executions)  # type: ignore[misc] # mypy and defaults


async def test_a_slow_client_gets_the_newest_and_skips_what_was_between(
    hall: Hall, client: Client
) -> None:
    await follow(client)
    client.stall()
    await put(hall, *range(1, 20))
    assert client.told() == []
    client.drain()
    assert client.told() == [version(19)]
    assert hall.metrics.registry.get_sample_value("flashsale_live_skipped_total") == 18
    await put(hall, 20)
    assert client.told() == [version(20)]


async def test_what_ended_meanwhile_is_told_after_the_newest(hall: Hall, client: Client) -> None:
    await follow(client)
    client.stall()
    await put(hall, 1)
    hall.fakes.board.put("tea", ENDED)
    await until(lambda: len(hall.groups) == 0)
    client.drain()
    assert client.told() == [version(1), {"id": "1", "type": "complete"}]


async def test_what_a_slow_client_gave_up_is_not_told(hall: Hall, client: Client) -> None:
    await follow(client)
    client.stall()
    await put(hall, 1)
    client.say(type="complete", id="1")
    client.drain()
    assert client.told() == []


async def test_what_waits_for_a_client_that_does_not_read_is_bounded(
    hall: Hall, client: Client
) -> None:
    client.stall()
    client.subscribe("1", "subscription { states { key } }")
    await until(lambda: "*" in hall.fakes.board.watching)
    hall.fakes.board.put("*", MOST_KEPT + 50)
    await until(lambda: hall.executions == MOST_KEPT + 50)
    client.drain()
    told = [message["payload"]["data"]["states"]["key"] for message in client.told()]
    assert told == [str(number) for number in range(50, MOST_KEPT + 50)]


async def test_an_answer_waits_until_the_client_reads(hall: Hall, client: Client) -> None:
    client.stall()
    client.subscribe("q", "{ hello }")
    client.subscribe("r", 'mutation { placeOrder(key: "k") }')
    await until(lambda: hall.fakes.calls == ["placeOrder"])
    assert client.told() == []
    client.drain()
    await until(lambda: len(client.rope.sent) == 4)
    assert {message["id"] for message in client.told()} == {"q", "r"}


async def test_a_client_that_does_not_read_is_not_heard(client: Client) -> None:
    client.stall()
    assert not client.rope.reading
    client.drain()
    assert client.rope.reading


async def test_a_client_that_never_reads_is_told_to_come_back_later(hall: Hall) -> None:
    client = Client(hall, Pace(drain_within=0.1))
    await follow(client)
    client.stall()
    await until(lambda: client.rope.closes == [1013])
    assert len(hall.groups) == 0
    assert hall.metrics.registry.get_sample_value("flashsale_sockets") == 0
    closes = hall.metrics.registry.get_sample_value(
        "flashsale_socket_closes_total", {"code": "1013"}
    )
    assert closes == 1


async def test_a_client_that_reads_in_time_is_kept(hall: Hall) -> None:
    client = Client(hall, Pace(drain_within=0.1))
    client.stall()
    client.drain()
    later = Client(hall, Pace(drain_within=0.1))
    later.stall()
    await until(lambda: later.rope.closes == [1013])
    assert client.rope.closes == []


async def test_a_client_that_answers_no_ping_is_gone(hall: Hall) -> None:
    silent, *alive = (Client(hall, Pace(ping_every=0.1)) for _ in range(3))
    async with asyncio.timeout(10):
        while silent.rope.closes == []:
            alive[0].talk.alive()
            alive[1].say(type="pong")
            await asyncio.sleep(0.01)
    assert silent.rope.closes == [1013]
    assert silent.told() == []
    assert [client.rope.closes for client in alive] == [[], []]


async def test_a_client_that_reads_again_is_there_whatever_it_says(hall: Hall) -> None:
    client = Client(hall, Pace(ping_every=0.1))
    await until(lambda: len(client.rope.sent) == 2)
    client.stall()
    client.drain()
    await until(lambda: len(client.rope.sent) == 3 or bool(client.rope.closes))
    assert client.rope.closes == []


async def test_a_conversation_ends_once(hall: Hall, client: Client) -> None:
    await follow(client)
    client.talk.close(1012, "Restarting")
    client.talk.close(1013, "Too slow")
    client.talk.gone()
    assert client.rope.closes == [1012]
    assert len(hall.groups) == 0
    sockets, operations = (
        hall.metrics.registry.get_sample_value(name)
        for name in ("flashsale_sockets", "flashsale_socket_operations")
    )
    assert (sockets, operations) == (0, 0)
