"""The whole schema on real stores, asked in this process."""

from collections.abc import AsyncIterator

import pytest
from broadcaster import Broadcast
from redis.asyncio import Redis

from graph.schema import build_schema
from kit.broadcast import RedisPubSub
from runtime.resources import Resources
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker, Counter
from tests.subscriptions.listening import start_hub


@pytest.fixture(scope="module")
async def counter(resources: Resources, redis: Redis) -> AsyncIterator[Counter]:
    backend = RedisPubSub(resources.settings.redis_url, publisher=redis)
    async with Broadcast(backend=backend) as broadcast, start_hub(resources, broadcast) as started:
        yield Counter(build_schema(resources.settings), resources, started)


@pytest.fixture
def anybody(counter: Counter) -> Asker:
    """Somebody who is not signed in."""
    return Asker(counter)


@pytest.fixture
async def alice(counter: Counter) -> Asker:
    return await counter.new_buyer()


@pytest.fixture
async def bob(counter: Counter) -> Asker:
    return await counter.new_buyer()


@pytest.fixture
async def operator(counter: Counter) -> Asker:
    return await counter.new_operator()


@pytest.fixture
async def shop(resources: Resources) -> Shop:
    await resources.pool.execute("DELETE FROM pgqueuer")
    return Shop(resources)
