"""What is in hand is finished: for who waits for it, and a mutation for nobody, too."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from graph.context import RequestFacts
from graph.requests import Operation
from tests.graph.edge import Edge, Talk, edge_settings, serve_edge, until

MUTATION = 'mutation { addToCart(name: "tea") }'
QUERY = "{ wait }"
FACTS = RequestFacts("", None, "192.0.2.1", None, secure=False)


class Till:
    """A limiter that lets a mutation be halfway through for as long as a test likes."""

    def __init__(self) -> None:
        self.begun = 0
        self.finished = 0
        self.cut = 0
        self.gate = asyncio.Event()

    async def admit(
        self,
        scope: str,  # noqa: ARG002 - a limiter's interface
        *,
        buyer: str | None,  # noqa: ARG002
        address: str | None,  # noqa: ARG002
        cost: int = 1,  # noqa: ARG002
    ) -> None:
        self.begun += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cut += 1
            raise
        self.finished += 1


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with serve_edge(edge_settings()) as served:
        yield served


@pytest.fixture
def till(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Till:
    till = Till()
    monkeypatch.setattr(edge.fakes.limiter, "admit", till.admit)
    return till


async def _open(edge: Edge) -> Talk:
    talk = Talk(await edge.socket())
    await talk.init()
    return talk


async def _is_finished(edge: Edge, till: Till) -> None:
    till.gate.set()
    await until(lambda: len(edge.board.errands) == 0)
    assert (till.begun, till.finished, till.cut) == (1, 1, 0)


async def test_a_mutation_goes_on_after_its_client_has_completed_it(edge: Edge, till: Till) -> None:
    talk = await _open(edge)
    await talk.subscribe("1", MUTATION)
    await until(lambda: till.begun == 1)
    await talk.send(type="complete", id="1")
    # Its id is free, and its answer is told to nobody.
    await talk.subscribe("1", "{ hello }")
    assert (await talk.read())["payload"] == {"data": {"hello": "hello you"}}
    await _is_finished(edge, till)
    assert await talk.read() == {"id": "1", "type": "complete"}
    await talk.subscribe("2", "{ hello }")
    assert (await talk.read())["id"] == "2"
    await talk.connection.close()


async def test_mutations_nobody_waits_for_count_until_they_end(edge: Edge, till: Till) -> None:
    talk = await _open(edge)
    numbers = [str(number) for number in range(edge.board.most_operations)]
    for number in numbers:
        await talk.subscribe(number, MUTATION)
    await until(lambda: till.begun == len(numbers))
    for number in numbers:
        await talk.send(type="complete", id=number)
    await talk.send(type="ping")
    assert await talk.read() == {"type": "pong"}
    await talk.subscribe("1", "{ hello }")
    refused = await talk.read()
    assert refused["payload"][0]["extensions"]["code"] == "OVERLOADED"
    till.gate.set()
    await until(lambda: len(edge.board.errands) == 0)
    await talk.subscribe("1", "{ hello }")
    assert (await talk.read())["type"] == "next"
    await talk.connection.close()


async def test_a_mutation_goes_on_without_its_socket(edge: Edge, till: Till) -> None:
    talk = await _open(edge)
    await talk.subscribe("1", MUTATION)
    await until(lambda: till.begun == 1)
    talk.connection.transport.abort()
    await until(lambda: edge.metrics.registry.get_sample_value("flashsale_sockets") == 0)
    await _is_finished(edge, till)


async def test_a_mutation_goes_on_without_its_stream(edge: Edge, till: Till) -> None:
    asked = asyncio.create_task(edge.post(MUTATION, accept="text/event-stream"))
    await until(lambda: till.begun == 1)
    asked.cancel()
    await until(lambda: len(edge.board.farewell) == 0)
    await _is_finished(edge, till)


@pytest.mark.parametrize("how", ["complete", "lost", "stream"])
async def test_a_query_ends_when_nobody_waits_for_it(edge: Edge, how: str) -> None:
    if how == "stream":
        asked = asyncio.create_task(edge.post(QUERY, accept="text/event-stream"))
        await until(lambda: edge.calls == ["wait"])
        asked.cancel()
    else:
        talk = await _open(edge)
        await talk.subscribe("1", QUERY)
        await until(lambda: edge.calls == ["wait"])
        if how == "complete":
            await talk.send(type="complete", id="1")
        else:
            talk.connection.transport.abort()
    await until(lambda: len(edge.board.errands) == 0)
    assert not edge.fakes.gate.is_set()


@pytest.mark.parametrize("query", [QUERY, MUTATION])
async def test_a_socket_is_sent_home_after_what_it_asked_for(
    edge: Edge, till: Till, query: str
) -> None:
    talk = await _open(edge)
    await talk.subscribe("1", query)
    await until(lambda: till.begun + len(edge.calls) == 1)
    edge.board.farewell.say()
    await until(lambda: len(edge.board.farewell) == 0)
    await talk.subscribe("2", "{ quantity(of: 1) }")
    till.gate.set()
    edge.fakes.gate.set()
    assert (await talk.read())["id"] == "1"
    assert await talk.read() == {"id": "1", "type": "complete"}
    code, reason = await talk.closed()
    assert code == 1012
    assert (reason or "").startswith("Restarting; come back in ")
    assert "quantity" not in edge.calls  # the next process is asked for it


@pytest.mark.parametrize("query", [QUERY, MUTATION])
async def test_a_stream_is_sent_home_after_its_answer(edge: Edge, till: Till, query: str) -> None:
    asked = asyncio.create_task(edge.post(query, accept="text/event-stream"))
    await until(lambda: till.begun + len(edge.calls) == 1)
    edge.board.farewell.say()
    await until(lambda: len(edge.board.farewell) == 0)
    till.gate.set()
    edge.fakes.gate.set()
    told = (await asked).text
    assert told.startswith('event: next\ndata: {"data":')
    assert told.endswith("event: complete\ndata:\n\n")  # else it would be asked again


@pytest.mark.parametrize("accept", ["socket", "text/event-stream"])
async def test_what_takes_too_long_keeps_no_process_from_stopping(
    edge: Edge, till: Till, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    monkeypatch.setattr("graph.conversation.FINISH_SECONDS", 0.05)
    monkeypatch.setattr("graph.event_stream.FINISH_SECONDS", 0.05)
    if accept == "socket":
        talk = await _open(edge)
        await talk.subscribe("1", MUTATION)
        await until(lambda: till.begun == 1)
        edge.board.farewell.say()
        assert (await talk.closed())[0] == 1012
    else:
        asked = asyncio.create_task(edge.post(MUTATION, accept=accept))
        await until(lambda: till.begun == 1)
        edge.board.farewell.say()
        response: httpx.Response = await asked
        assert response.text == ""  # no `complete`: the client asks again
    await _is_finished(edge, till)


async def test_the_last_ones_are_waited_for_before_stores_are_closed(
    edge: Edge, till: Till
) -> None:
    edge.board.errands.start(Operation(MUTATION, None, None), FACTS).leave()
    edge.board.errands.start(Operation(MUTATION, None, None), FACTS)
    await until(lambda: till.begun == 1)
    closing = asyncio.create_task(edge.board.errands.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    till.gate.set()
    await closing
    assert (till.finished, till.cut) == (1, 0)  # the first was given up before it had begun


async def test_what_does_not_end_is_cut_at_the_very_end(
    edge: Edge, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.errands.FINISH_SECONDS", 0.05)
    edge.board.errands.start(Operation(MUTATION, None, None), FACTS)
    await until(lambda: till.begun == 1)
    await edge.board.errands.aclose()
    assert (till.cut, len(edge.board.errands)) == (1, 0)
