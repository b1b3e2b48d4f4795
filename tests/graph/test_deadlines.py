"""Many deadlines of one length, and one timer."""

import asyncio

from graph.deadlines import Deadlines
from tests.graph.edge import until


async def test_each_call_is_made_once_in_the_order_of_adding() -> None:
    deadlines, made = Deadlines(0.05), list[int]()
    for number in range(100):
        deadlines.add(lambda number=number: made.append(number))  # type: ignore[misc] # mypy and defaults
    assert made == []
    await until(lambda: len(made) == 100)
    assert made == list(range(100))
    assert len(deadlines) == 0


async def test_what_is_taken_back_is_not_made() -> None:
    deadlines, made = Deadlines(0.05), list[str]()

    def taken_back() -> None:
        made.append("taken back")

    deadlines.add(taken_back)
    deadlines.add(lambda: made.append("made"))
    deadlines.discard(taken_back)
    deadlines.discard(taken_back)
    await until(lambda: bool(made))
    assert made == ["made"]


async def test_what_is_added_again_waits_anew() -> None:
    deadlines, made = Deadlines(0.2), list[str]()

    def late() -> None:
        made.append("late")

    deadlines.add(late)
    deadlines.add(lambda: made.append("early"))
    deadlines.add(late)
    await until(lambda: len(made) == 2)
    assert made == ["early", "late"]


async def test_a_call_may_add_itself_and_take_others_back() -> None:
    deadlines, made = Deadlines(0.02), list[str]()

    def other() -> None:
        made.append("other")

    def again() -> None:
        made.append("again")
        deadlines.discard(other)
        if len(made) < 3:
            deadlines.add(again)

    deadlines.add(again)
    deadlines.add(other)
    await until(lambda: len(made) == 3)
    assert made == ["again"] * 3
    assert len(deadlines) == 0


async def test_a_call_that_fails_keeps_no_other_from_being_made() -> None:
    deadlines, made = Deadlines(0.02), list[str]()

    def fails() -> None:
        raise ValueError("no")

    deadlines.add(fails)
    deadlines.add(lambda: made.append("made"))
    await until(lambda: bool(made))


async def test_nothing_is_made_early() -> None:
    deadlines, made = Deadlines(0.1), list[float]()
    loop = asyncio.get_running_loop()
    added = loop.time()
    deadlines.add(lambda: made.append(loop.time()))
    await until(lambda: bool(made))
    assert made[0] - added >= 0.1
