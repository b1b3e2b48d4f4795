import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from admission import tally as subject
from admission.tally import Tally
from kit.ids import new_id
from kit.redis_client import open_redis

LIMIT_SECONDS = 10.0


@pytest.fixture
def deal() -> str:
    return new_id("deal")


@pytest.fixture(autouse=True)
async def nobody_else(redis: Redis) -> AsyncIterator[None]:
    """Processes of other tests are no processes of these."""
    await redis.delete("{tally}:seen", "{tally}:sockets")
    yield
    await redis.delete("{tally}:seen", "{tally}:sockets")


async def refusals(tally: Tally, deal: str) -> dict[str, int]:
    return dict((await tally.sums([deal])).refusals[deal])


async def processes(tally: Tally) -> tuple[int, int]:
    """How many there are, and the sockets of all."""
    sums = await tally.sums([])
    return sums.processes, sums.sockets


async def wait_until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not await holds():
            await asyncio.sleep(0.01)


async def test_what_two_processes_count_adds_up(redis: Redis, deal: str) -> None:
    one, two, other = Tally(redis), Tally(redis), new_id("deal")
    for tally, times in ((one, 3), (two, 4)):
        for _ in range(times):
            tally.refused(deal, "SOLD_OUT")
    two.refused(deal, "HOLD_LAPSED")
    two.refused(other, "SOLD_OUT")

    assert await one.flush(sockets=10)
    assert await two.flush(sockets=7)
    one.refused(deal, "SOLD_OUT")
    assert await one.flush(sockets=12)

    sums = await two.sums([deal, other, "deal_of_nobody"])
    assert sums.refusals == {
        deal: {"SOLD_OUT": 8, "HOLD_LAPSED": 1},
        other: {"SOLD_OUT": 1},
        "deal_of_nobody": {},
    }
    assert (sums.processes, sums.sockets) == (2, 19)


async def test_a_flush_without_news_adds_nothing(redis: Redis, deal: str) -> None:
    tally = Tally(redis)
    tally.refused(deal, "SOLD_OUT")
    for _ in range(3):
        await tally.flush(sockets=0)
    assert await refusals(tally, deal) == {"SOLD_OUT": 1}


class Deaf:
    """A Redis whose answers to scripts are lost, after the script was run or before it."""

    def __init__(self, redis: Redis, *, runs: bool) -> None:
        self._redis = redis
        self._runs = runs
        self.is_deaf = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    async def evalsha(self, *args: Any) -> Any:
        if not self.is_deaf:
            return await self._redis.evalsha(*args)
        if self._runs:
            await self._redis.evalsha(*args)
        raise RedisConnectionError("lost")


@pytest.mark.parametrize("runs", [True, False])
async def test_a_lost_answer_counts_nothing_twice_and_loses_nothing(
    redis: Redis, deal: str, *, runs: bool
) -> None:
    deaf = Deaf(redis, runs=runs)
    tally: Tally = Tally(deaf)  # type: ignore[arg-type] # stands in for the client
    await Tally(redis).flush(sockets=0)  # the script is known
    tally.refused(deal, "SOLD_OUT")
    assert not await tally.flush(sockets=1)
    tally.refused(deal, "SOLD_OUT")
    assert not await tally.flush(sockets=2)

    deaf.is_deaf = False
    assert await tally.flush(sockets=3)
    assert await tally.flush(sockets=3)
    assert await refusals(tally, deal) == {"SOLD_OUT": 2}
    assert (await processes(tally))[1] == 3


async def test_the_sockets_of_a_process_that_is_heard_of_no_more_disappear(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive, dies = Tally(redis), Tally(redis)
    await dies.flush(sockets=100)
    await alive.flush(sockets=5)
    assert await processes(alive) == (2, 105)

    monkeypatch.setattr(subject, "ALIVE_MS", 500)
    async with alive.telling(lambda: 5):
        await wait_until(lambda: _is(processes(alive), (1, 5)))
        await alive.flush(sockets=5)
        assert await redis.zcard("{tally}:seen") == await redis.hlen("{tally}:sockets") == 1
    await wait_until(lambda: _is(redis.exists("{tally}:seen", "{tally}:sockets"), 0))


async def test_a_process_that_stops_tells_its_last_second_and_leaves(
    redis: Redis, deal: str
) -> None:
    reader, tally = Tally(redis), Tally(redis)
    async with tally.telling(lambda: 4):
        await wait_until(lambda: _is(processes(reader), (1, 4)))
        tally.refused(deal, "PURCHASE_LIMIT_REACHED")
    assert await refusals(reader, deal) == {"PURCHASE_LIMIT_REACHED": 1}
    assert await processes(reader) == (0, 0)


async def test_a_deal_is_forgotten_a_day_after_its_last_refusal(redis: Redis, deal: str) -> None:
    tally = Tally(redis)
    tally.refused(deal, "SOLD_OUT")
    await tally.flush(sockets=0)
    keys = [key async for key in redis.scan_iter(f"{{tally}}:*{deal}")]
    assert len(keys) == 1
    assert 86_390 < await redis.ttl(keys[0]) <= 86_400
    for key in [key async for key in redis.scan_iter("{tally}:*")]:
        assert await redis.ttl(key) >= 0, key


async def test_memory_is_bounded_while_nobody_can_be_told(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "MOST_COUNTED", 3)
    tally, deals = Tally(redis), [new_id("deal") for _ in range(5)]
    for deal in [*deals, *deals]:
        tally.refused(deal, "SOLD_OUT")
    await tally.flush(sockets=0)
    sums = await tally.sums(deals)
    assert [sums.refusals[deal] for deal in deals] == [{"SOLD_OUT": 2}] * 3 + [{}] * 2


async def test_a_lost_redis_fails_nobody_and_leaves_what_was_known(redis: Redis, deal: str) -> None:
    nowhere = open_redis("redis://127.0.0.1:1", connections=4)
    tally = Tally(nowhere)
    tally.refused(deal, "SOLD_OUT")
    assert not await tally.flush(sockets=1)
    assert (await tally.sums([deal])).refusals == {}
    await nowhere.aclose()

    known = Tally(redis)
    known.refused(deal, "SOLD_OUT")
    await known.flush(sockets=2)
    told = await known.sums([deal])
    known._redis = nowhere  # noqa: SLF001 - the client that went away
    assert await known.sums([deal]) == told


async def test_a_redis_that_forgot_its_scripts_is_told_them(redis: Redis, deal: str) -> None:
    tally = Tally(redis)
    await redis.script_flush()
    tally.refused(deal, "SOLD_OUT")
    assert await tally.flush(sockets=0)
    assert await refusals(tally, deal) == {"SOLD_OUT": 1}


async def _is(answer: Any, expected: object) -> bool:
    return bool(await answer == expected)
