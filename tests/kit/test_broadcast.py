"""Whether announcements arrive is known within a second, without anything being announced."""

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

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


class SlowWay:
    """A way to Redis on which a SUBSCRIBE may be held up."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._to = (parts.hostname, parts.port)
        self.open = asyncio.Event()
        self.open.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> tuple[asyncio.Server, int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return server, port

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def end(self) -> None:
        self.cut()
        await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        there, thither = await asyncio.open_connection(*self._to)
        self._writers += (writer, thither)
        await asyncio.gather(
            self._pass(reader, thither, held=True),
            self._pass(there, writer, held=False),
            return_exceptions=True,
        )
        for each in (writer, thither):
            each.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, held: bool
    ) -> None:
        while data := await reader.read(65_536):
            if held and b"SUBSCRIBE" in data:
                await self.open.wait()
            writer.write(data)


async def test_a_gap_is_told_when_the_channel_is_heard_again_and_not_before(
    resources: Resources, redis: Redis
) -> None:
    way = SlowWay(resources.settings.redis_url)
    server, port = await way.start()
    parts = urlsplit(resources.settings.redis_url)
    url = resources.settings.redis_url.replace(f":{parts.port}", f":{port}")
    backend = RedisPubSub(url, publisher=redis)
    await backend.connect()
    reader = asyncio.create_task(backend.next_published())
    await backend.subscribe(CHANNEL)
    await until(backend.hears)
    way.open.clear()
    way.cut()
    await until(lambda: not backend.hears())
    await asyncio.wait({reader}, timeout=5 * PING_SECONDS)
    assert not reader.done(), "who asked anew now would miss what is published next"
    assert not backend.hears()
    way.open.set()
    async with asyncio.timeout(10):
        assert (await reader).message == GAP
    assert await redis.publish(CHANNEL, "edited") >= 1
    async with asyncio.timeout(10):
        assert (await backend.next_published()).message == "edited"
    await backend.disconnect()
    server.close()
    await way.end()
