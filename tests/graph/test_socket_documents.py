"""Documents by their hash, in the payload of a subscribe message."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from graph.remembered import Remembered, sha256_of
from tests.graph.edge import Edge, Talk, edge_settings, serve_edge


@pytest.fixture(scope="module")
async def shared(redis: Redis) -> AsyncIterator[Edge]:
    async with serve_edge(edge_settings(), redis=redis) as served:
        yield served


@pytest.fixture
async def socket(shared: Edge) -> AsyncIterator[Talk]:
    async with shared.socket() as connection:
        talk = Talk(connection)
        await talk.init()
        yield talk


def named(text: str, version: int = 1) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": version, "sha256Hash": sha256_of(text)}}}


def new_document() -> str:
    return f"subscription S{uuid4().hex} {{ count(upTo: 1) }}"


async def ask(talk: Talk, payload: dict[str, Any], of: str = "1") -> Any:
    """What comes of it: its code when it is refused, else its first result."""
    await talk.send(type="subscribe", id=of, payload=payload)
    message = await talk.read()
    assert message["id"] == of
    if message["type"] == "error":
        (error,) = message["payload"]
        return error["extensions"]["code"]
    assert message["type"] == "next"
    assert await talk.read() == {"id": of, "type": "complete"}
    return message["payload"]["data"]


async def test_a_document_is_unknown_until_it_is_sent(socket: Talk) -> None:
    text = new_document()
    assert await ask(socket, named(text)) == "PERSISTED_QUERY_NOT_FOUND"
    assert await ask(socket, {"query": text, **named(text)}) == {"count": 1}
    assert await ask(socket, named(text)) == {"count": 1}
    assert await ask(socket, {"documentId": sha256_of(text)}) == {"count": 1}


async def test_what_another_process_was_sent_is_looked_up(socket: Talk, redis: Redis) -> None:
    text, query = new_document(), f"query Q{uuid4().hex} {{ hello }}"
    another = Remembered(redis)
    for each in (text, query):
        another.keep(sha256_of(each), each)
    await another.aclose()
    assert await ask(socket, named(text)) == {"count": 1}
    assert await ask(socket, named(query)) == {"hello": "hello you"}


async def test_an_operation_that_is_completed_while_it_is_looked_up_never_begins(
    socket: Talk, redis: Redis
) -> None:
    text = new_document()
    another = Remembered(redis)
    another.keep(sha256_of(text), text)
    await another.aclose()
    await socket.send(type="subscribe", id="1", payload=named(text))
    await socket.send(type="complete", id="1")
    assert await ask(socket, {"query": "{ hello }"}, of="2") == {"hello": "hello you"}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{ hello }", **named("{ hello } ")}, "BAD_USER_INPUT"),
        (named("{ hello }", version=2), "PERSISTED_QUERY_NOT_SUPPORTED"),
        ({"documentId": "Deals"}, "BAD_USER_INPUT"),
    ],
    ids=["mismatch", "version", "name"],
)
async def test_a_refusal_ends_its_own_operation_alone(
    socket: Talk, payload: dict[str, Any], code: str
) -> None:
    assert await ask(socket, payload) == code
    assert await ask(socket, {"query": "{ hello }"}) == {"hello": "hello you"}


async def test_a_wrong_shape_ends_the_socket(socket: Talk) -> None:
    payload = {"extensions": {"persistedQuery": {"version": 1}}}
    await socket.send(type="subscribe", id="1", payload=payload)
    assert (await socket.closed())[0] == 4400
