"""What the tests of the edge stand on: one served edge, fresh for each module."""

from collections.abc import AsyncIterator

import pytest

from tests.graph.edge import Edge, Talk, edge_settings, serve_edge
from tests.graph.members import Hall, open_hall


@pytest.fixture(scope="module")
async def edge() -> AsyncIterator[Edge]:
    async with serve_edge(edge_settings()) as served:
        yield served


@pytest.fixture
async def talk(edge: Edge) -> AsyncIterator[Talk]:
    """An initialised socket of somebody who is not signed in."""
    async with edge.socket() as connection:
        talk = Talk(connection)
        await talk.init()
        yield talk


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    opened = open_hall()
    yield opened
    await opened.groups.aclose()
