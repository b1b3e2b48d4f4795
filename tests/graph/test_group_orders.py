"""Whoever has read the present state on their own ends up with what everybody has."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

from graph.answers import Answer, plain_answer
from graph.context import Event, RequestFacts
from graph.execution import Execution
from graph.group import Group, Payload
from graph.metrics import Metrics
from graph.requests import Operation
from tests.graph.edge import until
from tests.graph.members import Ear

Result = tuple[Answer, Event | None]


class Script:
    """An execution whose results a test writes down."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.live: asyncio.Queue[Result] = asyncio.Queue()
        self.present: list[Result] = []

    async def run(
        self, _operation: Operation, _facts: RequestFacts, *, present_only: bool = False
    ) -> AsyncGenerator[Result, None]:
        for result in self.present if present_only else ():
            yield result
        while not present_only:
            yield await self.live.get()

    def refusal(self, error: Exception) -> Answer:
        return plain_answer("INTERNAL", repr(error))

    def tell(self, state: int, order: int, *, repeats: bool = True) -> None:
        self.live.put_nowait(_result(state, order, repeats=repeats))


def _result(state: int, order: int, *, repeats: bool = True) -> Result:
    return Answer({"data": state}, executed=True), Event("order", (order,), repeats)


def _follow(script: Script, *members: Ear) -> Group:
    facts = RequestFacts("", None, "", None, secure=False)
    operation = Operation("subscription", None, None)
    group = Group(cast("Execution", script), operation, facts, on_end=lambda: None)
    for member in members:
        group.add(member)
    return group


def _states(ear: Ear) -> list[Any]:
    return [
        int(payload.body.removeprefix(b'{"data":').removesuffix(b"}")) for payload in ear.payloads
    ]


async def test_who_read_an_older_state_later_is_told_the_newer_one() -> None:
    script, first, second = Script(), Ear(), Ear()
    group = _follow(script, first)
    script.tell(1, order=10, repeats=False)
    await until(lambda: _states(first) == [1])
    # The group began to read at 20, and was kept waiting; the joiner began at 30 and was not.
    script.present = [_result(1, order=30, repeats=False)]
    group.add(second)
    await until(lambda: _states(second) == [1])
    script.tell(2, order=20, repeats=False)
    await until(lambda: _states(first) == [1, 2])
    script.tell(2, order=40, repeats=False)
    await until(lambda: _states(second) == [1, 2])
    await group.stop()


async def test_what_everybody_knows_is_told_again_only_where_repeats_say_something() -> None:
    script, ear = Script(), Ear()
    group = _follow(script, ear)
    script.tell(1, order=10, repeats=False)
    script.tell(1, order=20, repeats=False)
    script.tell(2, order=30, repeats=False)
    script.tell(2, order=40)
    await until(lambda: _states(ear) == [1, 2, 2])
    await group.stop()


async def test_a_mistake_of_ours_ends_the_group_for_all() -> None:
    class Broken(Ear):
        def take(self, payload: Payload) -> bool:
            raise RuntimeError(payload.key)

    script, sound, broken, ended = Script(), Ear(), Broken(), []
    facts = RequestFacts("", None, "", None, secure=False)
    operation = Operation("subscription", None, None)
    group = Group(cast("Execution", script), operation, facts, on_end=lambda: ended.append(True))
    group.add(sound)
    group.add(broken)
    script.tell(1, order=10)
    await until(lambda: bool(sound.ends and broken.ends))
    assert ended == [True]
    assert all(one is not None and not one.executed for one in sound.ends + broken.ends)
