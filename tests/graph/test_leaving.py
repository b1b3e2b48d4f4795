"""A process that stops sends its sockets and streams home; nobody takes everybody's room."""

import asyncio
import contextlib
import json
from contextlib import AsyncExitStack

import httpx
from websockets.exceptions import ConnectionClosed

from tests.graph.edge import Edge, Talk, edge_settings, serve_edge, until

STATE = "subscription { state { version } }"
STREAM = {"Accept": "text/event-stream"}


async def _watching(edge: Edge, stack: AsyncExitStack) -> Talk:
    talk = Talk(await stack.enter_async_context(edge.socket()))
    await talk.init()
    await talk.subscribe("1", STATE)
    assert (await talk.read())["type"] == "next"
    return talk


async def _stream(edge: Edge, stack: AsyncExitStack, token: str | None = None) -> httpx.Response:
    headers = STREAM if token is None else {**STREAM, "Authorization": f"Bearer {token}"}
    asked = edge.http.stream("POST", "/graphql", json={"query": STATE}, headers=headers)
    return await stack.enter_async_context(asked)


async def test_sockets_are_told_to_come_back_and_streams_end_without_complete() -> None:
    async with serve_edge(edge_settings(socket_ends_per_second=200)) as edge:
        async with AsyncExitStack() as stack:
            talks = [await _watching(edge, stack) for _ in range(8)]
            response = await _stream(edge, stack)
            lines = response.aiter_lines()
            assert await anext(lines) == "event: next"
            assert len(edge.board.farewell) == 9
            edge.board.farewell.say()
            closes = await asyncio.gather(*(talk.closed() for talk in talks))
            assert {code for code, _ in closes} == {1012}
            reasons = {reason or "" for _, reason in closes}
            assert all(reason.startswith("Restarting; come back in ") for reason in reasons)
            assert len(reasons) > 1  # not all at the same moment
            async with asyncio.timeout(10):
                assert "event: complete" not in [line async for line in lines]
        assert len(edge.board.farewell) == 0
        assert len(edge.groups) == 0


async def test_who_waits_for_their_turn_hears_the_last_state() -> None:
    settings = edge_settings(socket_ends_per_second=20)
    async with serve_edge(settings) as edge, AsyncExitStack() as stack:
        talks = [await _watching(edge, stack) for _ in range(6)]
        edge.board.farewell.say()
        edge.fakes.board.put("tea", 7)
        told = await asyncio.gather(*(_last_version(talk) for talk in talks))
        assert 7 in told  # the first has left before


async def _last_version(talk: Talk) -> int:
    version = 0
    with contextlib.suppress(ConnectionClosed):
        while True:
            message = json.loads(await talk.connection.recv())
            if message["type"] == "next":
                version = message["payload"]["data"]["state"]["version"]
    return version


async def test_an_address_has_room_for_so_many_sockets_and_streams() -> None:
    async with serve_edge(edge_settings(sockets_per_address=2)) as edge, AsyncExitStack() as stack:
        first = await _watching(edge, stack)
        await _stream(edge, stack)
        async with edge.socket() as third:
            code, reason = await Talk(third).closed()
        assert (code, reason) == (1013, "Too many sockets of this address; come back later")
        refused = await edge.post(STATE, accept="text/event-stream")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "5"
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        await first.connection.close()
        await until(lambda: edge.board.crowding.let_address_in("127.0.0.1"))
        edge.board.crowding.leave_address("127.0.0.1")
        await _watching(edge, stack)


async def test_a_buyer_has_room_for_so_many_sockets_and_streams() -> None:
    async with serve_edge(edge_settings(sockets_per_buyer=2)) as edge, AsyncExitStack() as stack:
        token = edge.sessions.open()
        talk = Talk(await stack.enter_async_context(edge.socket()))
        await talk.init(token)
        await _stream(edge, stack, token)
        async with edge.socket() as third:
            beyond = Talk(third)
            await beyond.send(type="connection_init", payload={"authorization": f"Bearer {token}"})
            code, reason = await beyond.closed()
        assert (code, reason) == (1013, "Too many sockets of yours; come back later")
        refused = await edge.post(
            STATE, accept="text/event-stream", headers={"Authorization": f"Bearer {token}"}
        )
        assert refused.status_code == 429
        # Others have theirs.
        other = Talk(await stack.enter_async_context(edge.socket()))
        await other.init(edge.sessions.open())
        await talk.connection.close()
        await until(lambda: edge.metrics.registry.get_sample_value("flashsale_sockets") == 1)
        again = Talk(await stack.enter_async_context(edge.socket()))
        await again.init(token)
