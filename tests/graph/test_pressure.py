"""A process with too much to do refuses at once what it cannot do in time, and says when to ask."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from graph.pressure import SUSTAINED, Pressure
from tests.graph.edge import Edge, edge_settings, serve_edge

SHOWN = '{ shown(of: "tea") }'
LATE = 0.03
ALWAYS_LATE_MS = 1e-6


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    """An edge that finds itself late whatever happens, a moment after it has started."""
    async with serve_edge(edge_settings(shed_lag_ms=ALWAYS_LATE_MS)) as served:
        served.pressure.note(-1.0)
        yield served


async def late(edge: Edge) -> None:
    async with asyncio.timeout(10):
        while not edge.pressure.is_late:
            await asyncio.sleep(0.005)


def test_one_late_turn_is_no_pressure_and_several_are() -> None:
    pressure = Pressure(most_lag_seconds=LATE)
    seen = []
    for lag in [2 * LATE] * SUSTAINED + [0.0]:
        pressure.note(lag)
        seen.append(pressure.is_late)
    assert seen == [False] * (SUSTAINED - 1) + [True, False]


async def test_a_loop_that_is_kept_busy_is_late() -> None:
    async def hog() -> None:
        while True:
            deadline = asyncio.get_running_loop().time() + LATE
            while asyncio.get_running_loop().time() < deadline:
                pass
            await asyncio.sleep(0)

    async with Pressure(most_lag_seconds=LATE / 2) as pressure, asyncio.timeout(10):
        hogging = asyncio.create_task(hog())
        while not pressure.is_late:
            await asyncio.sleep(0)
        hogging.cancel()
        while pressure.is_late:
            await asyncio.sleep(0.01)


async def test_what_is_too_much_is_refused_before_it_is_read(edge: Edge) -> None:
    await late(edge)
    contexts = len(edge.contexts)
    refused = await edge.post('mutation { placeOrder(key: "k") }')
    assert len(edge.contexts) == contexts, "the endpoint saw none of it"
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.headers["content-type"].startswith("application/graphql-response+json")
    assert refused.json()["errors"][0]["extensions"] == {
        "code": "OVERLOADED",
        "retryAfterMs": 1_000,
    }
    assert edge.calls == []
    counted = (await edge.http.get("/metrics")).text
    assert 'flashsale_errors_total{code="OVERLOADED"} 1.0' in counted
