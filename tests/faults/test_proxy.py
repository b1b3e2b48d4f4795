"""The proxy passes everything, and does exactly the harm that it was told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.faults.proxy import Proxy

PATIENCE_SECONDS = 5.0
# Long enough to see that nothing comes.
SILENCE_SECONDS = 0.2

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Connection]]


class Server:
    """Answers each line with the same line, and remembers it."""

    def __init__(self) -> None:
        self.carried_out: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.carried_out.append(line.strip())
            writer.write(line)
            await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[Proxy]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    started = Proxy("echo", lambda: ("127.0.0.1", port))
    await started.start()
    yield started
    await started.stop()
    listening.close()


@pytest.fixture
async def connect(proxy: Proxy) -> AsyncIterator[Connect]:
    """Opens connections by way of the proxy, and closes them after the test."""
    writers: list[asyncio.StreamWriter] = []

    async def connected() -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writers.append(writer)
        return reader, writer

    yield connected
    for writer in writers:
        writer.close()


async def ask(connection: Connection, words: bytes) -> bytes:
    """The answer; nothing when the connection was cut instead."""
    reader, writer = connection
    writer.write(words + b"\n")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await reader.readline()).strip()
    except ConnectionError:
        return b""


async def test_everything_passes_until_harm_is_asked_for(connect: Connect, proxy: Proxy) -> None:
    connection = await connect()
    assert [await ask(connection, b"%d" % number) for number in range(50)] == [
        b"%d" % number for number in range(50)
    ]
    assert dict(proxy.counts) == {"connections": 1}


async def test_nth_reply_is_lost_after_it_was_carried_out(
    connect: Connect, proxy: Proxy, server: Server
) -> None:
    proxy.do(lose_every=3)
    connection = await connect()
    assert await ask(connection, b"one") == b"one"
    assert await ask(connection, b"two") == b"two"
    assert await ask(connection, b"three") == b""
    assert server.carried_out == [b"one", b"two", b"three"]
    assert proxy.counts["replies lost"] == 1


async def test_reply_to_certain_words_is_lost_so_many_times(
    connect: Connect, proxy: Proxy, server: Server
) -> None:
    proxy.do(lose_reply_to=b"COMMIT", losses=1)
    first, second = await connect(), await connect()
    assert await ask(first, b"BEGIN") == b"BEGIN"
    assert await ask(first, b"COMMIT") == b""
    assert await ask(second, b"COMMIT") == b"COMMIT"
    assert server.carried_out == [b"BEGIN", b"COMMIT", b"COMMIT"]


async def test_black_hole_swallows_until_it_is_healed(
    connect: Connect, proxy: Proxy, server: Server
) -> None:
    reader, writer = await connect()
    assert await ask((reader, writer), b"before") == b"before"
    proxy.do(black_hole=True)
    writer.write(b"into the hole\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readline(), SILENCE_SECONDS)
    assert server.carried_out == [b"before"]
    proxy.heal()
    assert await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS) == b"into the hole\n"


async def test_connection_is_cut_in_the_middle_of_a_reply(connect: Connect, proxy: Proxy) -> None:
    connection = await connect()
    proxy.do(cut_after_bytes=6)
    assert await ask(connection, b"four") == b"four"
    assert await ask(connection, b"never comes whole") != b"never comes whole"
    assert proxy.counts["cut"] == 1


async def test_reset_cuts_every_connection(connect: Connect, proxy: Proxy) -> None:
    connections = [await connect() for _ in range(3)]
    for connection in connections:
        assert await ask(connection, b"hello") == b"hello"
    assert proxy.reset() == 3
    assert [await ask(connection, b"again") for connection in connections] == [b""] * 3
    assert await ask(await connect(), b"new") == b"new"


async def test_refused_connection_carries_nothing_out(
    connect: Connect, proxy: Proxy, server: Server
) -> None:
    proxy.do(refuse=True)
    assert await ask(await connect(), b"hello") == b""
    assert server.carried_out == []


async def test_delay_comes_before_each_reply(connect: Connect, proxy: Proxy) -> None:
    connection = await connect()
    proxy.do(delay_seconds=SILENCE_SECONDS)
    began = asyncio.get_running_loop().time()
    assert await ask(connection, b"late") == b"late"
    assert asyncio.get_running_loop().time() - began >= SILENCE_SECONDS
    assert proxy.counts["delayed"] == 1
