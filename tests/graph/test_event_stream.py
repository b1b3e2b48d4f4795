"""Server-sent events: one operation for each request, as graphql-sse's distinct connections."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import httpx
import orjson
import pytest
from starlette.types import Message

from graph import endpoint
from graph.context import RequestFacts
from graph.event_stream import EventStream
from tests.graph.edge import PACE, Edge, edge_settings, serve_edge, until

STREAM = {"Accept": "text/event-stream"}


async def _events(edge: Edge, query: str) -> str:
    response = await edge.post(query, accept="text/event-stream")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    return response.text


@asynccontextmanager
async def _listening(edge: Edge, query: str, token: str) -> AsyncIterator[httpx.Response]:
    headers = {**STREAM, "Authorization": f"Bearer {token}"}
    async with edge.http.stream(
        "POST", "/graphql", json={"query": query}, headers=headers
    ) as response:
        yield response


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _stays() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def test_each_result_is_an_event_and_the_end_is_one_too(edge: Edge) -> None:
    assert await _events(edge, "subscription { count(upTo: 2) }") == (
        'event: next\ndata: {"data":{"count":1}}\n\n'
        'event: next\ndata: {"data":{"count":2}}\n\n'
        "event: complete\ndata:\n\n"
    )


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("{ hello }", '{"data":{"hello":"hello you"}}'),
        ('mutation { placeOrder(key: "k") }', '{"data":{"placeOrder":"k"}}'),
    ],
)
async def test_other_operations_may_be_streamed_too(edge: Edge, query: str, told: str) -> None:
    assert await _events(edge, query) == (
        f"event: next\ndata: {told}\n\nevent: complete\ndata:\n\n"
    )


@pytest.mark.parametrize("query", ["subscription { count(", "subscription { nothing }"])
async def test_a_document_that_is_refused_is_told_in_the_stream(edge: Edge, query: str) -> None:
    told = await _events(edge, query)
    assert '"code":"BAD_USER_INPUT"' in told
    assert told.endswith("event: complete\ndata:\n\n")
    assert '"data":' not in told


async def test_a_subscription_may_be_asked_by_get(edge: Edge) -> None:
    response = await edge.http.get(
        "/graphql", params={"query": "subscription { count(upTo: 1) }"}, headers=STREAM
    )
    assert 'data: {"data":{"count":1}}' in response.text


async def test_a_body_that_asks_for_nothing_is_an_ordinary_400(edge: Edge) -> None:
    response = await edge.http.post("/graphql", json=[], headers=STREAM)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json; charset=utf-8"


async def test_the_operation_ends_when_its_client_leaves(edge: Edge) -> None:
    edge.calls.clear()
    token = edge.sessions.open()
    async with _listening(edge, "subscription { forever }", token) as response:
        assert await anext(response.aiter_lines()) == "event: next"
        assert edge.calls == []
    await until(lambda: edge.calls == ["forever ended"])


async def test_logging_out_ends_the_sessions_streams(edge: Edge) -> None:
    token = edge.sessions.open()
    async with _listening(edge, "subscription { mine }", token) as response, asyncio.timeout(10):
        lines = response.aiter_lines()
        assert await anext(lines) == "event: next"
        await edge.post("mutation { logout }", headers={"Authorization": f"Bearer {token}"})
        assert "event: complete" in [line async for line in lines]


async def test_logging_out_over_a_stream_is_answered(edge: Edge) -> None:
    token = edge.sessions.open()
    response = await edge.post(
        "mutation { logout }", accept=STREAM["Accept"], headers=_bearer(token)
    )
    assert response.text == (
        'event: next\ndata: {"data":{"logout":true}}\n\nevent: complete\ndata:\n\n'
    )


async def test_a_query_of_a_session_that_ends_is_not_waited_for_without_end() -> None:
    async with serve_edge(edge_settings(), pace=replace(PACE, answer_within=0.05)) as edge:
        token = edge.sessions.open()
        asked = asyncio.create_task(
            edge.post("{ wait }", accept=STREAM["Accept"], headers=_bearer(token))
        )
        await until(lambda: edge.calls == ["wait"])
        await edge.post("mutation { logout }", headers=_bearer(token))
        assert (await asked).text == "event: complete\ndata:\n\n"


async def test_a_stream_that_is_never_silent_ends_with_its_session(edge: Edge) -> None:
    token = edge.sessions.open()
    request = RequestFacts("req_1", token, "127.0.0.1", None, secure=False)

    async def plenty(_session: bytes | None) -> AsyncGenerator[bytes, None]:
        while True:
            await asyncio.sleep(0)
            yield b"{}"

    sent: list[bytes] = []

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))
        if len(sent) == 3:
            edge.sessions.end(token)

    viewer = await edge.make_context(request).viewer_or_none()
    assert edge.board.crowding.let_stream_in(request.address, viewer)
    stream = EventStream(edge.board, plenty, request, viewer, keepalive_seconds=0.01)
    async with asyncio.timeout(10):
        await stream({"type": "http"}, _stays, send)
    assert sent[-1] == b"event: complete\ndata:\n\n"
    assert b":\n\n" not in sent


async def test_a_silent_stream_is_kept_alive_until_its_session_is_over(edge: Edge) -> None:
    token = edge.sessions.open()
    request = RequestFacts("req_1", token, "127.0.0.1", None, secure=False)
    sent: list[bytes] = []

    async def silence(_session: bytes | None) -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))
        if sent.count(b":\n\n") == 3:
            edge.sessions.viewers.pop(token, None)

    viewer = await edge.make_context(request).viewer_or_none()
    assert edge.board.crowding.let_stream_in(request.address, viewer)
    stream = EventStream(edge.board, silence, request, viewer, keepalive_seconds=0.01)
    async with asyncio.timeout(10):
        await stream({"type": "http"}, _stays, send)
    assert sent == [b"", *[b":\n\n"] * 3, b"event: complete\ndata:\n\n"]


async def test_a_stream_whose_client_takes_nothing_is_given_up(edge: Edge) -> None:
    request = RequestFacts("req_1", None, "127.0.0.1", None, secure=False)
    sent: list[str] = []

    async def plenty(_session: bytes | None) -> AsyncGenerator[bytes, None]:
        while True:
            yield b"{}"

    async def send(message: Message) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    assert edge.board.crowding.let_stream_in(request.address, None)
    stream = EventStream(edge.board, plenty, request, None, drain_seconds=0.05)
    async with asyncio.timeout(10):
        await stream({"type": "http"}, _stays, send)
    assert sent == ["http.response.start", "http.response.body"]


async def test_the_connection_of_who_takes_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(endpoint, "EventStream", partial(EventStream, drain_seconds=0.1))
    async with serve_edge(edge_settings()) as edge:
        query = "subscription { state { version padding(size: 1000000) } }"
        body = orjson.dumps({"query": query})
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port, limit=1024)
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        await until(lambda: len(edge.board.farewell) == 1)
        version = 0
        async with asyncio.timeout(10):
            while len(edge.board.farewell) == 1:
                version += 1
                edge.fakes.board.put("tea", version)
                await asyncio.sleep(0.005)
            told = await reader.read()
        assert not told.endswith(b"\r\n")  # cut off in the middle of an event
        writer.close()
        await writer.wait_closed()
        assert (await edge.post("{ hello }")).status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
