"""A process with too much to do refuses at once what it cannot do in time, and says when to ask."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from graph.pressure import SUSTAINED, Pressure
from tests.graph.edge import Edge, edge_settings, serve_edge

SHOWN = '{ shown(of: "tea") }'
LATE, FAR_TOO_LATE = 0.03, 0.2


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with serve_edge(edge_settings()) as served:
        yield served


def press(edge: Edge, lag_seconds: float) -> None:
    for _ in range(SUSTAINED):
        edge.pressure.note(lag_seconds)


def test_one_late_turn_is_no_pressure_and_several_are() -> None:
    pressure = Pressure(most_lag_seconds=0.05)
    for _ in range(SUSTAINED - 1):
        pressure.note(FAR_TOO_LATE)
    assert not pressure.refuses_queries
    pressure.note(FAR_TOO_LATE)
    assert pressure.refuses_all
    pressure.note(0.0)
    assert not pressure.refuses_queries


async def test_a_loop_that_is_kept_busy_is_late() -> None:
    async def hog() -> None:
        while True:
            deadline = asyncio.get_running_loop().time() + LATE
            while asyncio.get_running_loop().time() < deadline:
                pass
            await asyncio.sleep(0)

    async with Pressure(most_lag_seconds=LATE / 2) as pressure, asyncio.timeout(10):
        hogging = asyncio.create_task(hog())
        while not pressure.refuses_all:
            await asyncio.sleep(0)
        hogging.cancel()
        while pressure.refuses_queries:
            await asyncio.sleep(0.01)


async def test_late_queries_are_refused_but_for_those_in_memory_and_mutations_go_on(
    edge: Edge,
) -> None:
    await edge.post(SHOWN)
    press(edge, LATE)
    assert (await edge.post(SHOWN)).json() == {"data": {"shown": "tea 0 anybody"}}
    for query in ("{ hello }", '{ shown(of: "milk") }'):
        refused = await edge.post(query)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["errors"][0]["extensions"]["code"] == "OVERLOADED"
    done = await edge.post('mutation { placeOrder(key: "k") }')
    assert done.json() == {"data": {"placeOrder": "k"}}


async def test_far_too_late_everything_is_refused_before_it_is_read_but_for_what_is_in_memory(
    edge: Edge,
) -> None:
    plain = await edge.post(SHOWN)
    press(edge, FAR_TOO_LATE)
    contexts = len(edge.contexts)
    assert (await edge.post(SHOWN)).content == plain.content
    refused = await edge.post('mutation { placeOrder(key: "k") }')
    assert len(edge.contexts) == contexts, "the endpoint saw none of it"
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.headers["content-type"] == plain.headers["content-type"]
    assert refused.json()["errors"][0]["extensions"] == {
        "code": "OVERLOADED",
        "retryAfterMs": 1_000,
    }
    assert edge.calls == ["shown tea"]
    counted = (await edge.http.get("/metrics")).text
    assert 'flashsale_errors_total{code="OVERLOADED"} 1.0' in counted


async def test_what_does_not_take_the_lane_is_refused_by_the_endpoint(edge: Edge) -> None:
    press(edge, FAR_TOO_LATE)
    refused = await edge.post(
        'mutation { placeOrder(key: "k") }', headers={"X-Request-Id": "of-the-caller-42"}
    )
    assert refused.status_code == 503
    assert edge.calls == []
