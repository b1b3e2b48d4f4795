"""Whoever joins others is told the present state first, and misses nothing."""

import asyncio

import pytest

from graph import group
from graph.requests import Operation
from tests.graph.edge import until
from tests.graph.members import CART, Hall, told


async def test_who_joins_later_begins_with_the_present_state(hall: Hall) -> None:
    first = hall.join()
    await told(first, 0)
    hall.fakes.board.put("tea", 7)
    await told(first, 0, 7)
    late = hall.join()
    await told(late, 7)
    hall.fakes.board.put("tea", 8)
    await told(late, 7, 8)
    await told(first, 0, 7, 8)


async def test_what_is_told_while_the_present_state_is_read_takes_its_place(hall: Hall) -> None:
    first = hall.join()
    await told(first, 0)
    board = hall.fakes.board
    reads = board.reads
    board.reading.clear()
    late = hall.join()
    await until(lambda: board.reads == reads + 1)  # it has read 0, and not told it yet
    board.put("tea", 1)
    await told(first, 0, 1)
    assert late.versions == []
    board.reading.set()
    await told(late, 1)
    assert late.payloads[0].body is first.payloads[-1].body


async def test_who_knows_more_than_the_others_is_not_told_less(hall: Hall) -> None:
    first = hall.join()
    await told(first, 0)
    board = hall.fakes.board
    board.present["tea"] = 5  # and nobody was told
    late = hall.join()
    await told(late, 5)
    for version in (4, 5, 6):
        board.watching.tell("tea", version)
        await until(lambda version=version: first.versions[-1] == version)  # type: ignore[misc] # mypy and defaults
    assert first.versions == [0, 4, 5, 6]
    await told(late, 5, 6)


async def test_nothing_is_kept_of_one_who_knew_more_and_left(hall: Hall) -> None:
    first = hall.join()
    await told(first, 0)
    hall.fakes.board.present["tea"] = 5
    late = hall.join()
    await told(late, 5)
    assert first.group is not None
    ahead = first.group._ahead  # noqa: SLF001 - what must not grow
    assert list(ahead["tea"]) == [late]
    late.leave()
    assert not ahead["tea"]


async def test_a_storm_of_joiners_is_served_by_few_executions(hall: Hall) -> None:
    first = hall.join()
    await told(first, 0)
    board = hall.fakes.board
    reads, executions = board.reads, hall.executions
    board.reading.clear()
    storm = [hall.join() for _ in range(1_000)]
    await until(lambda: board.reads == reads + 1)
    storm += [hall.join() for _ in range(1_000)]  # while the first snapshot is being read
    board.reading.set()
    for ear in storm:
        await told(ear, 0)
    assert board.reads == reads + 2
    assert hall.executions == executions + 2
    assert first.versions == [0]


async def test_who_joins_right_after_others_waits_for_more(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "GATHER_SECONDS", 1.0)
    await told(hall.join(), 0)
    executions = hall.executions
    await told(hall.join(), 0)
    storm = []
    for _ in range(50):
        storm.append(hall.join())
        await asyncio.sleep(0)
    for ear in storm:
        await told(ear, 0)
    assert hall.executions == executions + 2


async def test_a_joiner_who_leaves_before_it_was_served_is_told_nothing(hall: Hall) -> None:
    first = hall.join()
    await told(first, 0)
    hall.fakes.board.reading.clear()
    late, other = hall.join(), hall.join()
    await asyncio.sleep(0)
    late.leave()
    hall.fakes.board.reading.set()
    await told(other, 0)
    assert late.payloads == []


async def test_a_snapshot_that_is_refused_turns_away_its_joiners_only(hall: Hall) -> None:
    token = hall.fakes.sessions.open()
    first = hall.join(CART, token=token)
    await told(first, 0)
    hall.fakes.sessions.out_of_reach = True
    late = hall.join(CART, token=token)
    await until(lambda: bool(late.ends))
    assert late.ends[0] is not None
    hall.fakes.board.put(first.told[0]["cartChanged"]["key"], 1)
    await told(first, 0, 1)


async def test_what_happens_while_one_joins_is_not_missed(hall: Hall) -> None:
    everything = Operation("subscription { states { key } }", None, None)
    first, board = hall.join(everything), hall.fakes.board
    await until(lambda: "*" in board.watching)
    board.put("*", 1)
    await until(lambda: len(first.payloads) == 1)
    board.reading.clear()
    reads = board.reads
    late = hall.join(everything)
    await until(lambda: board.reads == reads + 1)
    board.put("*", 2)
    await until(lambda: len(first.payloads) == 3)
    assert late.payloads == []
    board.reading.set()
    await until(lambda: len(late.payloads) == 2)
    assert [each.body for each in late.payloads] == [each.body for each in first.payloads[1:]]


async def test_what_happens_while_one_waits_to_join_is_not_missed(hall: Hall) -> None:
    everything = Operation("subscription { states { key } }", None, None)
    first, board = hall.join(everything), hall.fakes.board
    await until(lambda: "*" in board.watching)
    board.put("*", 1)
    await until(lambda: len(first.payloads) == 1)
    board.reading.clear()
    reads = board.reads
    hall.join(everything)
    await until(lambda: board.reads == reads + 1)
    third = hall.join(everything)  # waits for the next snapshot
    board.put("*", 1)
    await until(lambda: len(first.payloads) == 2)
    board.reading.set()
    await until(lambda: len(third.payloads) == 1)
    assert third.payloads[0].body == first.payloads[1].body
