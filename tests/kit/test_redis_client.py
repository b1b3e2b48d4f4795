"""What the client's two ways have in common: a lost connection is repeated once, and told."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import hiredis
import pytest
from redis.asyncio import Connection
from redis.exceptions import ConnectionError as RedisConnectionError

from kit.redis_client import LineRedis, open_redis
from kit.redis_line import LineConnection
from kit.settings import Settings

CLOSED = "unable to perform operation on <TCPTransport closed=True>"


def break_writes(monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[str]:
    """Have so many writes fail as uvloop's do on a transport that it has closed."""
    failed: list[str] = []

    async def closed(self: Connection, command: Iterable[bytes]) -> None:
        if len(failed) < times:
            failed.append("closed")
            raise RuntimeError(CLOSED)
        await send(self, command)

    send = Connection._send_packed_command  # noqa: SLF001 - where the transport is written to
    monkeypatch.setattr(Connection, "_send_packed_command", closed)
    return failed


def break_lines(monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[str]:
    """The same for the writes of the line, on so many of its connections."""
    failed: list[str] = []

    class Closed(asyncio.Transport):
        def write(self, data: object) -> None:  # noqa: ARG002 - a transport's interface
            failed.append("closed")
            raise RuntimeError(CLOSED)

    def broken(
        self: LineConnection, protocol: asyncio.Protocol
    ) -> tuple[asyncio.Transport, hiredis.Reader]:
        transport, reader = hand_over(self, protocol)
        return (Closed() if len(failed) < times else transport), reader

    hand_over = LineConnection.hand_over
    monkeypatch.setattr(LineConnection, "hand_over", broken)
    return failed


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[LineRedis]:
    """One connection of the pool, made already; the line is not."""
    opened = open_redis(settings.redis_url, connections=1)
    await opened.client_id()
    yield opened
    await opened.aclose()


async def test_write_to_a_closed_transport_is_repeated(
    client: LineRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = break_writes(monkeypatch, times=1)
    assert await client.client_id() > 0
    assert failed == ["closed"]


async def test_writes_that_go_on_failing_are_a_lost_connection(
    client: LineRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = break_writes(monkeypatch, times=99)
    with pytest.raises(RedisConnectionError, match="lost before a write"):
        await client.client_id()
    assert failed == ["closed"] * 2


async def test_a_line_whose_transport_is_closed_is_repeated(
    client: LineRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = break_lines(monkeypatch, times=1)
    assert await client.ping() is True
    assert failed == ["closed"]


async def test_a_line_that_goes_on_failing_is_a_lost_connection(
    client: LineRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = break_lines(monkeypatch, times=99)
    with pytest.raises(RedisConnectionError, match="lost before a write"):
        await client.ping()
    assert failed == ["closed"] * 2


async def test_a_command_that_blocks_keeps_nobody_waiting(client: LineRedis) -> None:
    blocked = asyncio.ensure_future(client.execute_command("BLPOP", "nothing-comes", 60))
    assert await client.ping() is True
    assert not blocked.done()
    blocked.cancel()


async def test_answers_are_read_as_redis_py_reads_them(client: LineRedis) -> None:
    await client.hset("line-hash", mapping={"a": "1"})
    async with client.pipeline(transaction=False) as pipe:
        pipe.hgetall("line-hash")
        pipe.info("server")
        pipe.lrange("line-hash", 0, 1)
        entries, server, wrong = await pipe.execute(raise_on_error=False)
    assert entries == await client.hgetall("line-hash") == {"a": "1"}
    assert server["run_id"] == (await client.info("server"))["run_id"]
    assert "WRONGTYPE" in str(wrong)
    await client.unlink("line-hash")
