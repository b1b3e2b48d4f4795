"""Those who ask at the same time share a question, and each gets the own answer."""

import asyncio

import pytest

from kit.together import Together


class Store:
    """Answers a number with its double, when it may."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self, keys: list[int]) -> list[int]:
        self.asked.append(keys)
        await self.may_answer.wait()
        if 13 in keys:
            raise LookupError
        return [2 * key for key in keys]


async def test_who_asks_alone_is_answered_alone() -> None:
    store = Store()
    together = Together(store.read, most=10)
    assert await together.ask(1) == 2
    assert await together.ask(2) == 4
    assert store.asked == [[1], [2]]


async def test_who_comes_while_it_reads_shares_the_next_reading() -> None:
    store = Store()
    together = Together(store.read, most=3)
    store.may_answer.clear()
    first = asyncio.create_task(together.ask(1))
    while not store.asked:
        await asyncio.sleep(0)
    others = [asyncio.create_task(together.ask(number)) for number in range(2, 7)]
    await asyncio.sleep(0)
    assert store.asked == [[1]]
    store.may_answer.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10, 12]
    assert store.asked == [[1], [2, 3, 4], [5, 6]]


async def test_a_failed_reading_fails_those_alone_whom_it_was_for() -> None:
    store = Store()
    together = Together(store.read, most=2)
    told = await asyncio.gather(
        *(together.ask(number) for number in (12, 13, 14)), return_exceptions=True
    )
    assert [type(each) for each in told] == [LookupError, LookupError, int]
    assert await together.ask(1) == 2


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    store = Store()
    together = Together(store.read, most=10)
    store.may_answer.clear()
    one, other = (asyncio.create_task(together.ask(number)) for number in (1, 2))
    while not store.asked:
        await asyncio.sleep(0)
    one.cancel()
    store.may_answer.set()
    assert await other == 4
    with pytest.raises(asyncio.CancelledError):
        await one
