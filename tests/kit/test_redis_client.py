"""A connection that is lost just before a write is repeated like any other lost connection."""

from collections.abc import Iterable

import pytest
from redis.asyncio import Connection, Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from kit.redis_client import open_redis
from kit.settings import Settings


def break_writes(monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[str]:
    """Have so many writes fail as uvloop's do on a transport that it has closed."""
    failed: list[str] = []

    async def closed(self: Connection, command: Iterable[bytes]) -> None:
        if len(failed) < times:
            failed.append("closed")
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")
        await send(self, command)

    send = Connection._send_packed_command  # noqa: SLF001 - where the transport is written to
    monkeypatch.setattr(Connection, "_send_packed_command", closed)
    return failed


async def client(settings: Settings) -> Redis:
    """One connection, made already."""
    opened = open_redis(settings.redis_url, connections=1)
    await opened.ping()
    return opened


async def test_write_to_a_closed_transport_is_repeated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = await client(settings)
    failed = break_writes(monkeypatch, times=1)
    assert await redis.ping() is True
    assert failed == ["closed"]
    await redis.aclose()


async def test_writes_that_go_on_failing_are_a_lost_connection(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = await client(settings)
    failed = break_writes(monkeypatch, times=99)
    with pytest.raises(RedisConnectionError, match="lost before a write"):
        await redis.ping()
    assert failed == ["closed"] * 2
    await redis.aclose()
