"""Documents that are remembered: within their bounds, and in Redis for all processes."""

import asyncio

import pytest
from redis.asyncio import Redis

from graph.remembered import (
    KEPT_SECONDS,
    MOST_BYTES,
    MOST_DOCUMENTS,
    MOST_SHARED_BYTES,
    PAUSE_SECONDS,
    SLOTS,
    TOLD_SECONDS,
    Remembered,
    sha256_of,
    slot_of,
)
from kit.redis_client import open_redis
from tests.graph.edge import NOWHERE


def document(number: int, size: int = 0) -> tuple[str, str]:
    text = f"{{ a{number} }}".ljust(size)
    return sha256_of(text), text


@pytest.fixture
async def nowhere() -> Remembered:
    return Remembered(open_redis(NOWHERE, connections=2))


class Now:
    """A clock that stands still until it is moved on."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


async def commands(redis: Redis) -> int:
    stats = await redis.info("stats")
    return int(stats["total_commands_processed"])


async def test_what_one_process_was_sent_another_knows(redis: Redis) -> None:
    one, other = Remembered(redis), Remembered(redis)
    sha256, text = document(1)
    one.keep(sha256, text)
    await one.aclose()
    assert other.get(sha256) is None
    assert await other.fetch(sha256) == text
    assert 0 < await redis.ttl(slot_of(sha256)) <= KEPT_SECONDS


async def test_a_document_that_is_known_costs_no_command(redis: Redis) -> None:
    remembered = Remembered(redis)
    sha256, text = document(2)
    remembered.keep(sha256, text)
    await remembered.aclose()
    before = await commands(redis)
    for _ in range(100):
        assert remembered.get(sha256) == text
        remembered.keep(sha256, text)
    await remembered.aclose()
    assert await commands(redis) == before + 1  # the count itself


async def test_a_text_that_is_sent_again_is_told_again_once_in_a_while(redis: Redis) -> None:
    """Its day is over, or another one took its slot: it is sent since some process missed it."""
    now = Now()
    remembered = Remembered(redis, now_seconds=now)
    sha256, text = document(8)
    remembered.keep(sha256, text)
    await remembered.aclose()
    await redis.set(slot_of(sha256), "{ another }")
    for later, told in ((TOLD_SECONDS - 1, "{ another }"), (1, text)):
        now.seconds += later
        for _ in range(3):
            remembered.keep(sha256, text)
        await remembered.aclose()
        assert await redis.get(slot_of(sha256)) == told
    assert await Remembered(redis).fetch(sha256) == text
    before = await commands(redis)
    remembered.keep(sha256, text)
    await remembered.aclose()
    assert await commands(redis) == before + 1  # the count itself


async def test_what_redis_told_is_told_back_no_sooner(redis: Redis) -> None:
    now = Now()
    one, other = Remembered(redis), Remembered(redis, now_seconds=now)
    sha256, text = document(9)
    one.keep(sha256, text)
    await one.aclose()
    assert await other.fetch(sha256) == text
    for later, left in ((TOLD_SECONDS - 1, 0), (1, 1)):
        await redis.delete(slot_of(sha256))
        now.seconds += later
        other.keep(sha256, text)
        await other.aclose()
        assert await redis.exists(slot_of(sha256)) == left


async def test_many_who_ask_for_one_document_cost_one_command(redis: Redis) -> None:
    remembered = Remembered(redis)
    sha256, _ = document(3)
    before = await commands(redis)
    told = await asyncio.gather(*(remembered.fetch(sha256) for _ in range(100)))
    assert told == [None] * 100
    assert await commands(redis) == before + 2


async def test_a_slot_with_another_document_is_as_good_as_empty(redis: Redis) -> None:
    sha256, _ = document(4)
    await redis.set(slot_of(sha256), "{ another }")
    assert await Remembered(redis).fetch(sha256) is None


async def test_a_large_document_is_not_told_to_redis(redis: Redis) -> None:
    remembered = Remembered(redis)
    for size, told in ((MOST_SHARED_BYTES, 1), (MOST_SHARED_BYTES + 1, 0)):
        sha256, text = document(5, size)
        await redis.delete(slot_of(sha256))
        remembered.keep(sha256, text)
        await remembered.aclose()
        assert remembered.get(sha256) == text
        assert await redis.exists(slot_of(sha256)) == told


def test_strangers_cannot_fill_redis() -> None:
    assert {slot_of(document(number)[0]) for number in range(100_000)} == {
        f"document:{slot}" for slot in range(SLOTS)
    }


async def test_what_was_not_asked_for_longest_is_forgotten(nowhere: Remembered) -> None:
    names = [document(number)[0] for number in range(MOST_DOCUMENTS + 1)]
    for number in range(MOST_DOCUMENTS):
        nowhere.keep(*document(number))
    assert nowhere.get(names[0]) is not None
    nowhere.keep(*document(MOST_DOCUMENTS))
    await nowhere.aclose()
    assert [nowhere.get(name) is not None for name in names[:3]] == [True, False, True]
    assert len(nowhere) == MOST_DOCUMENTS


async def test_large_documents_leave_room_for_fewer(nowhere: Remembered) -> None:
    for number in range(100):
        nowhere.keep(*document(number, 60_000))
    await nowhere.aclose()
    assert len(nowhere) == MOST_BYTES // 60_300
    assert nowhere.get(document(99, 60_000)[0]) is not None


async def test_without_redis_a_document_is_unknown_and_one_attempt_is_made(
    nowhere: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0
    get = nowhere._redis.get  # noqa: SLF001 - counted, not replaced

    async def counted(name: str) -> object:
        nonlocal attempts
        attempts += 1
        return await get(name)

    monkeypatch.setattr(nowhere._redis, "get", counted)  # noqa: SLF001 - as above
    sha256, text = document(6)
    assert await nowhere.fetch(sha256) is None
    assert await nowhere.fetch(document(7)[0]) is None
    nowhere.keep(sha256, text)
    await nowhere.aclose()
    assert nowhere.get(sha256) == text
    assert attempts == 1


async def test_a_document_that_redis_could_not_be_told_is_told_after_the_pause(
    nowhere: Remembered, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Now()
    monkeypatch.setattr(nowhere, "_now_seconds", now)
    sha256, text = document(10)
    nowhere.keep(sha256, text)
    await nowhere.aclose()
    monkeypatch.setattr(nowhere, "_redis", redis)  # it is back
    for later, told in ((PAUSE_SECONDS / 2, 0), (PAUSE_SECONDS / 2, 1)):
        now.seconds += later
        nowhere.keep(sha256, text)
        await nowhere.aclose()
        assert await redis.exists(slot_of(sha256)) == told
