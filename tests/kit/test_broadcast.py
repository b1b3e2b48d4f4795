"""Whether announcements arrive is known within a second, without anything being announced."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from broadcaster import Event
from redis.asyncio import Redis

from kit.broadcast import DEAF_SECONDS, GAP, PING_SECONDS, RedisPubSub
from runtime.resources import Resources

CHANNEL = "tests of the backend"


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not fact():
            await asyncio.sleep(PING_SECONDS / 10)


async def ended(reader: asyncio.Task[Event]) -> None:
    reader.cancel()
    await asyncio.wait({reader})


@pytest.fixture
async def backend(resources: Resources, redis: Redis) -> AsyncIterator[RedisPubSub]:
    backend = RedisPubSub(resources.settings.redis_url, publisher=redis)
    await backend.connect()
    yield backend
    await backend.disconnect()


async def test_nothing_is_heard_before_something_is_listened_to(backend: RedisPubSub) -> None:
    assert not backend.hears()


async def test_a_silent_channel_is_heard_until_the_server_falls_silent_itself(
    backend: RedisPubSub, redis: Redis
) -> None:
    await backend.subscribe(CHANNEL)
    reader = asyncio.create_task(backend.next_published())
    await until(backend.hears)
    paused_ms = int(2_000 * DEAF_SECONDS)
    await redis.execute_command("CLIENT", "PAUSE", paused_ms, "ALL")  # type: ignore[no-untyped-call] # redis-py leaves it bare
    await until(lambda: not backend.hears())
    async with asyncio.timeout(10):
        event = await reader
    assert (event.channel, event.message) == (CHANNEL, GAP), "what was remembered may be old"
    again = asyncio.create_task(backend.next_published())
    await until(backend.hears)
    await ended(again)


async def test_a_lost_connection_is_not_heard_and_its_gap_is_told(
    backend: RedisPubSub, redis: Redis
) -> None:
    await backend.subscribe(CHANNEL)
    reader = asyncio.create_task(backend.next_published())
    await until(backend.hears)
    await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call] # the same
    async with asyncio.timeout(10):
        event = await reader
    assert (event.channel, event.message) == (CHANNEL, GAP)
    again = asyncio.create_task(backend.next_published())
    await until(backend.hears)
    await ended(again)
