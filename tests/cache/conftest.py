"""Two processes on the same stores, and an oracle that remembers nothing."""

from collections.abc import AsyncIterator

import pytest

from kit.settings import Settings
from runtime.resources import Resources
from tests.cache.processes import Oracle, Process, open_oracle, serve_process
from tests.orders.shop import Shop


@pytest.fixture(scope="session")
def quick(settings: Settings) -> Settings:
    """Holds lapse after a second, and nobody is limited."""
    limit = settings.limit.model_copy(
        update={"cart_burst": 100_000, "cart_per_second": 10_000.0, "cart_window_seconds": 1}
    )
    return settings.model_copy(update={"hold_seconds": 1, "limit": limit})


@pytest.fixture(scope="module")
async def here(quick: Settings, resources: Resources) -> AsyncIterator[Process]:
    assert resources, "the records are the session's"
    async with serve_process(quick) as process:
        yield process


@pytest.fixture(scope="module")
async def there(quick: Settings, resources: Resources) -> AsyncIterator[Process]:
    assert resources, "the records are the session's"
    async with serve_process(quick) as process:
        yield process


@pytest.fixture(scope="module")
async def oracle(quick: Settings, resources: Resources) -> AsyncIterator[Oracle]:
    assert resources, "the records are the session's"
    async with open_oracle(quick) as opened:
        yield opened


@pytest.fixture
def shop(here: Process) -> Shop:
    """Where changes are made: through the first process."""
    return Shop(here.resources)
