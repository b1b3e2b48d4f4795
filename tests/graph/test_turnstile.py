"""So many are executed at once as end in time; others wait their turn, mutations first."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from strawberry.types import ExecutionResult

from graph.metrics import Metrics
from graph.pressure import Pressure
from graph.requests import Operation
from graph.turnstile import (
    FEWEST_AT_ONCE,
    MOST_IN_A_ROW,
    MUTATION_PATIENCE_SECONDS,
    Turnstile,
)

LATE, ON_TIME = 1.0, 0.0


@dataclass
class Doorway:
    """A turnstile before operations that end when they are told to."""

    most_at_once: int = 100
    inside: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    entered: list[str] = field(default_factory=list)
    asked: list[asyncio.Task[bool]] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.pressure = Pressure(most_lag_seconds=0.05)
        self.turnstile = Turnstile(cast("Any", self), self.pressure, most_at_once=self.most_at_once)

    async def once(self, operation: Operation, _context: object, **_: object) -> ExecutionResult:
        self.entered.append(operation.query)
        self.inside[operation.query] = asyncio.get_running_loop().create_future()
        await self.inside[operation.query]
        return ExecutionResult(data={}, errors=None)

    async def ask(
        self, name: str, kind: str = "query", *, first: bool = False
    ) -> asyncio.Task[bool]:
        """Come with an operation; the task ends with whether it was executed."""

        async def run() -> bool:
            context = SimpleNamespace(
                operation_type=kind, request=SimpleNamespace(request_id="req_test")
            )
            answer = await self.turnstile.run(
                Operation(name, None, None), cast("Any", context), only_reads=False, first=first
            )
            return answer.executed

        task = asyncio.create_task(run())
        self.asked.append(task)
        await asyncio.sleep(0)
        return task

    async def fill(self) -> None:
        for number in range(FEWEST_AT_ONCE):
            await self.ask(f"inside {number}")
        assert len(self.inside) == FEWEST_AT_ONCE

    async def leave(self, name: str) -> None:
        self.inside.pop(name).set_result(None)
        for _ in range(5):  # it ends, and the next have their turn
            await asyncio.sleep(0)


async def test_who_comes_when_all_places_are_taken_waits_for_one() -> None:
    door = Doorway()
    await door.fill()
    await door.ask("a")
    await door.ask("b")
    assert "a" not in door.entered
    await door.leave("inside 3")
    assert door.entered[-1] == "a"
    await door.leave("a")
    assert door.entered[-1] == "b"


async def test_mutations_go_before_queries_and_renewals_before_other_queries() -> None:
    door = Doorway()
    await door.fill()
    await door.ask("query")
    await door.ask("renewal", first=True)
    await door.ask("mutation", "mutation")
    for number in range(3):
        await door.leave(f"inside {number}")
    assert door.entered[FEWEST_AT_ONCE:] == ["mutation", "renewal", "query"]


async def test_while_the_loop_is_on_time_more_are_let_in_and_when_it_is_late_fewer() -> None:
    door = Doorway()
    await door.fill()
    for number in range(FEWEST_AT_ONCE + 1):
        await door.ask(f"more {number}")
    door.pressure.note(ON_TIME)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(door.inside) == 2 * FEWEST_AT_ONCE
    door.pressure.note(LATE)
    await door.leave("inside 0")
    assert len(door.inside) == 2 * FEWEST_AT_ONCE - 1, "nobody comes for who left"


async def test_who_has_waited_too_long_is_refused_and_who_comes_next_is_at_once() -> None:
    door = Doorway(most_at_once=FEWEST_AT_ONCE)
    await door.fill()
    waiting = [await door.ask("query"), await door.ask("mutation", "mutation")]
    assert not door.turnstile.is_full(for_mutations=False)
    async with asyncio.timeout(MUTATION_PATIENCE_SECONDS + 10):
        while not all(task.done() for task in waiting):
            await asyncio.sleep(0.005)
            door.pressure.note(ON_TIME)
    assert [await task for task in waiting] == [False, False]
    assert door.turnstile.is_full(for_mutations=True)
    assert len(door.entered) == FEWEST_AT_ONCE
    await door.leave("inside 0")
    assert not door.turnstile.is_full(for_mutations=True), "there is a place again"
    await door.ask("late comer")
    assert door.entered[-1] == "late comer"


async def test_a_line_has_an_end() -> None:
    door = Doorway(most_at_once=FEWEST_AT_ONCE)
    await door.fill()
    for number in range(FEWEST_AT_ONCE):
        assert not (await door.ask(f"waits {number}")).done()
    refused = await door.ask("too many")
    await asyncio.sleep(0)
    assert refused.done()
    assert not await refused


async def test_who_gives_up_leaves_a_place_to_others() -> None:
    door = Doorway()
    await door.fill()
    gone, next_one = await door.ask("gone"), await door.ask("next")
    gone.cancel()
    await door.leave("inside 0")
    assert gone.cancelled()
    assert door.entered[-1] == "next"
    next_one.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await door.ask("another")
    assert door.entered[-1] == "another"


@pytest.mark.parametrize("turn_came", [True, False])
async def test_giving_up_in_the_very_turn_loses_no_place(*, turn_came: bool) -> None:
    door = Doorway()
    await door.fill()
    gone = await door.ask("gone")
    if turn_came:
        door.inside.pop("inside 0").set_result(None)
        await asyncio.sleep(0)
    gone.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    if not turn_came:
        await door.leave("inside 0")
    await door.ask("next")
    assert door.entered[-1] == "next"


async def test_renewals_pass_over_nobody_more_than_a_few_times_and_keep_nobody_for_ever() -> None:
    door = Doorway(most_at_once=FEWEST_AT_ONCE)
    await door.fill()
    waiting = await door.ask("waits")
    for number in range(MOST_IN_A_ROW + 2):
        await door.ask(f"renewal {number}", first=True)
    for number in range(MOST_IN_A_ROW + 1):
        await door.leave(f"inside {number}")
    assert door.entered[-1] == "waits"
    assert not waiting.done()

    late = await door.ask("late")
    await door.ask("young", first=True)
    async with asyncio.timeout(10):
        while not late.done():
            await asyncio.sleep(0.005)
            await door.ask(f"younger {len(door.asked)}", first=True)
            door.pressure.note(ON_TIME)
    assert not await late
