"""A hub of each test's own, on a broadcast of its own, over the real Valkey."""

from collections.abc import AsyncIterator

import pytest
from broadcaster import Broadcast
from redis.asyncio import Redis

from kit.broadcast import RedisPubSub
from runtime.resources import Resources
from tests.orders.shop import Shop
from tests.subscriptions.listening import Listening, start_hub


@pytest.fixture
async def listening(resources: Resources, redis: Redis) -> AsyncIterator[Listening]:
    async with (
        Broadcast(backend=RedisPubSub(resources.settings.redis_url, publisher=redis)) as broadcast,
        start_hub(resources, broadcast) as started,
    ):
        yield started


@pytest.fixture
def shop(resources: Resources) -> Shop:
    return Shop(resources)
