"""Subscriptions over sockets and event streams: one execution for all who ask for the same."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tests.graph.edge import Edge, Talk, until
from tests.graph.small_schema import BROKEN, ENDED

STATE = "subscription { state { version padding } }"
CART = "subscription { cartChanged { key version } }"


async def talking(edge: Edge, stack: AsyncExitStack, token: str | None = None) -> Talk:
    talk = Talk(await stack.enter_async_context(edge.socket()))
    await talk.init(token)
    return talk


@asynccontextmanager
async def streaming(edge: Edge, query: str) -> AsyncIterator[AsyncIterator[Any]]:
    """The payloads of an event stream."""
    headers = {"Accept": "text/event-stream"}
    request = edge.http.stream("POST", "/graphql", json={"query": query}, headers=headers)

    async def payloads(lines: AsyncIterator[str]) -> AsyncIterator[Any]:
        async for line in lines:
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))

    async with request as response, asyncio.timeout(20):
        yield payloads(response.aiter_lines())


def executions(edge: Edge) -> float:
    return edge.metrics.registry.get_sample_value("flashsale_live_executions_total") or 0


async def test_an_event_is_executed_once_for_all_sockets_and_streams(edge: Edge) -> None:
    async with AsyncExitStack() as stack:
        edge.fakes.board.put("tea", 0)
        talks = [await talking(edge, stack) for _ in range(20)]
        for number, talk in enumerate(talks):
            await talk.subscribe(f"s{number}", STATE)
        streams = [await stack.enter_async_context(streaming(edge, STATE)) for _ in range(3)]
        first = {"data": {"state": {"version": 0, "padding": ""}}}
        for number, talk in enumerate(talks):
            assert await talk.read() == {"id": f"s{number}", "type": "next", "payload": first}
        assert [await anext(stream) for stream in streams] == [first] * 3
        assert len(edge.groups) == 1
        before = executions(edge)
        edge.calls.clear()
        for version in (1, 2, 3):
            edge.fakes.board.put("tea", version)
            told = {"data": {"state": {"version": version, "padding": ""}}}
            assert [(await talk.read())["payload"] for talk in talks] == [told] * 20
            assert [await anext(stream) for stream in streams] == [told] * 3
        assert executions(edge) == before + 3
        assert edge.calls == ["tea 1", "tea 2", "tea 3"]
    await until(lambda: len(edge.groups) == 0)
    await until(lambda: edge.fakes.board.watching.watched() == [])


async def test_two_viewers_with_one_document_see_their_own(edge: Edge) -> None:
    alice, bob = edge.sessions.open(), edge.sessions.open()
    async with AsyncExitStack() as stack:
        talks = {token: await talking(edge, stack, token) for token in (alice, bob)}
        for token, talk in talks.items():
            await talk.subscribe("1", CART)
            shown = (await talk.read())["payload"]["data"]["cartChanged"]
            assert shown["key"] == edge.sessions.viewers[token].user_id
        assert len(edge.groups) == 2
        tab = await talking(edge, stack, alice)
        await tab.subscribe("1", CART)
        await tab.read()
        assert len(edge.groups) == 2
        stranger = await talking(edge, stack)
        await stranger.subscribe("1", CART)
        refused = await stranger.read()
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_complete_leaves_the_group_and_the_others_go_on(edge: Edge) -> None:
    async with AsyncExitStack() as stack:
        leaving, staying = await talking(edge, stack), await talking(edge, stack)
        for talk in (leaving, staying):
            await talk.subscribe("1", STATE)
            await talk.read()
        await leaving.send(type="complete", id="1")
        await leaving.subscribe("2", "{ hello }")
        assert (await leaving.read())["id"] == "2"
        assert (await leaving.read())["type"] == "complete"
        edge.fakes.board.put("tea", 20)
        assert (await staying.read())["payload"]["data"]["state"]["version"] == 20
        await leaving.subscribe("3", "{ hello }")
        assert (await leaving.read())["id"] == "3"
        await staying.send(type="complete", id="1")
        await until(lambda: len(edge.groups) == 0)
        await until(lambda: edge.fakes.board.watching.watched() == [])


async def test_the_end_of_the_results_is_told_to_all(edge: Edge) -> None:
    async with AsyncExitStack() as stack:
        talks = [await talking(edge, stack) for _ in range(3)]
        for talk in talks:
            await talk.subscribe("1", STATE)
            await talk.read()
        stream = await stack.enter_async_context(streaming(edge, STATE))
        await anext(stream)
        edge.fakes.board.put("tea", ENDED)
        assert [await talk.read() for talk in talks] == [{"id": "1", "type": "complete"}] * 3
        assert [each async for each in stream] == []
        edge.fakes.board.put("tea", 0)
        await talks[0].subscribe("1", STATE)
        assert (await talks[0].read())["type"] == "next"


async def test_a_mistake_of_ours_is_told_to_all_and_masked(edge: Edge) -> None:
    edge.fakes.board.put("tea", 0)
    async with AsyncExitStack() as stack:
        talks = [await talking(edge, stack) for _ in range(3)]
        for talk in talks:
            await talk.subscribe("1", STATE)
            await talk.read()
        edge.fakes.board.put("tea", BROKEN)
        for talk in talks:
            refused = await talk.read()
            assert refused["type"] == "error"
            assert [error["extensions"]["code"] for error in refused["payload"]] == ["INTERNAL"]
            assert "hunter2" not in json.dumps(refused)
            await talk.subscribe("2", "{ hello }")
            assert (await talk.read())["payload"] == {"data": {"hello": "hello you"}}
