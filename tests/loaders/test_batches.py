"""Loads of one turn of the loop are one read, and whoever waits is independent of the others."""

import asyncio

import pytest

from loaders.batches import Later, Loader


class Store:
    """Reads keys as themselves in capitals, a "bad" one not at all; counts what it reads."""

    def __init__(self, *, most: int = 100) -> None:
        self.reads: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.loader: Loader[str] = Loader(self._read, most=most)

    async def _read(self, keys: list[str]) -> list[str | BaseException]:
        self.reads.append(list(keys))
        await self.gate.wait()
        if "down" in keys:
            raise OSError("no route")
        return [ValueError(key) if key == "bad" else key.upper() for key in keys]


async def test_what_is_asked_for_in_one_turn_is_one_read() -> None:
    store = Store()
    a, b, again = store.loader.load("a"), store.loader.load("b"), store.loader.load("a")
    assert [await again, await b, await a, await a] == ["A", "B", "A", "A"]
    assert await store.loader.load_many(["b", "c"]) == ["B", "C"]
    assert store.reads == [["a", "b"], ["c"]]


async def test_a_batch_has_a_most() -> None:
    store = Store(most=2)
    assert await store.loader.load_many("abcde") == list("ABCDE")
    assert store.reads == [["a", "b"], ["c", "d"], ["e"]]


async def test_what_is_asked_for_while_reading_belongs_to_the_next_batch() -> None:
    store = Store()
    store.gate.clear()
    first = asyncio.ensure_future(store.loader.load("a"))
    while not store.reads:
        await asyncio.sleep(0)
    second = store.loader.load("b")
    store.gate.set()
    assert [await first, await second] == ["A", "B"]
    assert store.reads == [["a"], ["b"]]


async def test_an_error_is_its_own_keys_alone() -> None:
    store = Store()
    bad, good = store.loader.load("bad"), store.loader.load("good")
    assert await good == "GOOD"
    with pytest.raises(ValueError, match="bad"):
        await bad


async def test_a_read_that_fails_fails_for_all() -> None:
    store = Store()
    for loading in (store.loader.load("down"), store.loader.load("a")):
        with pytest.raises(OSError, match="no route"):
            await loading


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    store = Store()
    store.gate.clear()
    impatient, patient = (asyncio.ensure_future(store.loader.load("a")) for _ in range(2))
    while not store.reads:
        await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    store.gate.set()
    assert await patient == "A"
    assert impatient.cancelled()


async def test_what_was_forgotten_is_read_again() -> None:
    store = Store()
    await store.loader.load("a")
    store.loader.clear_all()
    await store.loader.load("a")
    assert store.reads == [["a"], ["a"]]


async def test_later_makes_something_of_what_was_read() -> None:
    store = Store()
    later = Later(store.loader.load("a"), lambda loading: loading.result() * 2)
    assert await later == "AA"
    with pytest.raises(ValueError, match="bad"):
        await Later(store.loader.load("bad"), lambda loading: loading.result())
