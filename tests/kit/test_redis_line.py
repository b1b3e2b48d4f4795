"""The line: answers in order, everything bounded, and a lost connection's outcomes unknown."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kit.ids import new_id
from kit.redis_client import LineRedis, open_redis
from kit.redis_line import LineConnection, RedisLine
from kit.settings import Settings
from tests.faults.proxy import Proxy

ASKED = 500

MakeLine = Callable[..., RedisLine]


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Proxy]:
    at = urlsplit(settings.redis_url)
    assert at.hostname is not None
    assert at.port is not None
    address = (at.hostname, at.port)
    proxy = Proxy("redis", lambda: address)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def client(proxy: Proxy, settings: Settings) -> AsyncIterator[LineRedis]:
    """A client that reaches the server through the proxy."""
    at = urlsplit(settings.redis_url)
    opened = open_redis(
        at._replace(netloc=f":{at.password}@127.0.0.1:{proxy.port}").geturl(), connections=1
    )
    yield opened
    await opened.aclose()


@pytest.fixture
async def make_line(client: LineRedis) -> AsyncIterator[MakeLine]:
    """A line that repeats nothing."""
    made: list[RedisLine] = []

    def make(**bounds: Any) -> RedisLine:
        def connect() -> LineConnection:
            return client.make_connection()

        made.append(RedisLine(connect, **{"patience_seconds": 10.0, **bounds}))
        return made[-1]

    yield make
    for line in made:
        line.close()


def packed(*words: str) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words
    )


async def echo(line: RedisLine, *words: str) -> list[Any]:
    return await line.ask([packed("ECHO", word) for word in words], len(words))


async def told(line: RedisLine, words: list[str]) -> list[list[Any] | BaseException]:
    """What each of many askings in one turn of the loop is answered."""
    return await asyncio.gather(*(echo(line, word) for word in words), return_exceptions=True)


async def test_what_one_turn_asks_is_one_write_and_answered_in_order(
    client: LineRedis, make_line: MakeLine
) -> None:
    line = make_line()
    await echo(line, "connected")
    before = (await client.info("stats"))["total_reads_processed"]

    words = [str(number) for number in range(ASKED)]
    assert await told(line, words) == [[word] for word in words]

    # 11 KB and what asks for the figures.
    assert (await client.info("stats"))["total_reads_processed"] - before <= 3


async def test_commands_that_were_asked_together_are_answered_together(
    make_line: MakeLine,
) -> None:
    line = make_line()
    answers = await asyncio.gather(echo(line, "a", "b"), echo(line, "c"))
    assert list(answers) == [["a", "b"], ["c"]]


async def test_a_lost_reply_is_asked_for_once_more(client: LineRedis, proxy: Proxy) -> None:
    key = new_id("req")
    proxy.do(lose_reply_to=key.encode(), losses=1)

    assert await client.incr(key) == 2

    proxy.do(lose_reply_to=key.encode(), losses=2)
    with pytest.raises(RedisConnectionError, match="connection lost"):
        await client.incr(key)
    assert await client.get(key) == "4"


async def test_a_cut_in_mid_batch_gives_nobody_a_wrong_answer(
    make_line: MakeLine, proxy: Proxy
) -> None:
    line = make_line()
    await echo(line, "connected")
    words = [str(number) * 100 for number in range(ASKED)]
    proxy.do(cut_after_bytes=20_000)

    answers = await told(line, words)

    lost = [answer for answer in answers if isinstance(answer, RedisConnectionError)]
    assert 0 < len(lost) < ASKED
    assert answers == [[word] for word in words[: ASKED - len(lost)]] + lost
    proxy.heal()
    assert await echo(line, "again") == ["again"]


async def test_a_server_that_hangs_fails_what_waits_and_blocks_nobody_for_ever(
    make_line: MakeLine, proxy: Proxy
) -> None:
    line = make_line(patience_seconds=0.2)
    await echo(line, "connected")
    proxy.do(black_hole=True)

    assert {type(answer) for answer in await told(line, ["a", "b", "c"])} == {RedisTimeoutError}

    proxy.heal()
    assert await echo(line, "again") == ["again"]


async def test_a_server_that_hangs_while_it_is_connected_to_is_given_up(
    make_line: MakeLine, proxy: Proxy
) -> None:
    line = make_line(patience_seconds=0.2)
    proxy.do(black_hole=True)

    with pytest.raises(RedisTimeoutError):
        await echo(line, "lost")

    proxy.heal()
    assert await echo(line, "again") == ["again"]


async def test_more_than_may_be_in_flight_is_refused_at_once(
    make_line: MakeLine, proxy: Proxy
) -> None:
    line = make_line(most_in_flight=2)
    await echo(line, "connected")
    proxy.do(black_hole=True)
    first = [asyncio.ensure_future(echo(line, word)) for word in ("a", "b")]
    await asyncio.sleep(0)

    with pytest.raises(RedisConnectionError, match="2 askings are in flight"):
        await echo(line, "c")

    proxy.heal()
    assert await asyncio.gather(*first) == [["a"], ["b"]]


async def test_who_gives_up_takes_nobody_elses_answer(make_line: MakeLine, proxy: Proxy) -> None:
    line = make_line()
    await echo(line, "connected")
    proxy.do(black_hole=True)
    asked = [asyncio.ensure_future(echo(line, word)) for word in ("a", "b", "c")]
    await asyncio.sleep(0)
    asked[1].cancel()

    proxy.heal()

    assert [await asked[0], await asked[2]] == [["a"], ["c"]]


async def test_an_answer_that_is_no_text_is_that_commands_error_alone(
    make_line: MakeLine, client: LineRedis
) -> None:
    line, key = make_line(), new_id("req")
    await client.set(key, b"\xff")

    bad, good = await line.ask([packed("GET", key), packed("ECHO", "good")], 2)

    assert isinstance(bad, UnicodeDecodeError)
    assert good == "good"


async def test_a_closed_line_fails_what_is_in_flight_and_connects_again(
    make_line: MakeLine, proxy: Proxy
) -> None:
    line = make_line()
    await echo(line, "connected")
    proxy.do(black_hole=True)
    asked = asyncio.ensure_future(echo(line, "a"))
    await asyncio.sleep(0)

    line.close()

    with pytest.raises(RedisConnectionError, match="closed"):
        await asked
    proxy.heal()
    assert await echo(line, "again") == ["again"]
