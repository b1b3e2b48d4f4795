"""The shop that tests of the use cases stand in."""

import pytest

from runtime.resources import Resources
from tests.orders.shop import Shop


@pytest.fixture
async def shop(resources: Resources) -> Shop:
    """A shop with an empty job queue; its deals and buyers are each test's own."""
    await resources.pool.execute("DELETE FROM pgqueuer")
    return Shop(resources)
