"""The shop that tests of the use cases stand in, and a ledger that it wrote."""

import copy

import pytest

from runtime.resources import Resources
from tests.orders.ledgers import Lines, exported, storied
from tests.orders.shop import Shop


@pytest.fixture
async def shop(resources: Resources) -> Shop:
    """A shop with an empty job queue; its deals and buyers are each test's own."""
    await resources.pool.execute("DELETE FROM pgqueuer")
    return Shop(resources)


@pytest.fixture(scope="session")
async def story(resources: Resources) -> Lines:
    """A ledger that is told once, for it takes seconds."""
    await resources.pool.execute("DELETE FROM pgqueuer")
    shop = Shop(resources)
    return await exported(shop, await storied(shop))


@pytest.fixture
def lines(story: Lines) -> Lines:
    return copy.deepcopy(story)
