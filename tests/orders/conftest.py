"""The shop that tests of the use cases stand in, and a ledger that it wrote."""

import copy

import pytest

from orders.at_once import AddAtOnce
from runtime.resources import Resources
from tests.orders.ledgers import Lines, exported, storied
from tests.orders.shop import Shop


@pytest.fixture
async def shop(resources: Resources) -> Shop:
    """A shop with an empty job queue; its deals and buyers are each test's own."""
    await resources.pool.execute("DELETE FROM pgqueuer")
    return Shop(resources)


@pytest.fixture(params=["at once", "step by step"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that asks for this runs twice: in one script, and as on a cluster."""

    async def is_possible(self: AddAtOnce) -> bool:  # noqa: ARG001 - the method's interface
        return bool(request.param == "at once")

    monkeypatch.setattr(AddAtOnce, "is_possible", is_possible)


@pytest.fixture(scope="session")
async def story(resources: Resources) -> Lines:
    """A ledger that is told once, for it takes seconds."""
    await resources.pool.execute("DELETE FROM pgqueuer")
    shop = Shop(resources)
    return await exported(shop, await storied(shop))


@pytest.fixture
def lines(story: Lines) -> Lines:
    return copy.deepcopy(story)
