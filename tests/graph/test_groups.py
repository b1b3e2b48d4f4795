"""Identical subscriptions are one execution, and nobody is ever told an older state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from graph import group
from graph.context import RequestFacts
from graph.event_stream import followed
from graph.group import MOST_KEPT
from graph.requests import Operation
from tests.graph.edge import until
from tests.graph.members import CART, MOST_GROUPS, STATE, Ear, Hall, open_hall
from tests.graph.small_schema import BROKEN, ENDED

SIZED = (
    "subscription S($of: String!, $size: Int!) { state(of: $of) { version padding(size: $size) } }"
)


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    opened = open_hall()
    yield opened
    await opened.groups.aclose()


async def told(ear: Ear, *versions: int) -> None:
    await until(lambda: len(ear.payloads) >= len(versions))
    assert ear.versions == list(versions)


async def test_one_execution_serves_all_members_with_the_same_bytes(hall: Hall) -> None:
    ears = [hall.join() for _ in range(50)]
    await told(ears[-1], 0)
    executions = hall.executions
    hall.fakes.board.put("tea", 1)
    for ear in ears:
        await told(ear, 0, 1)
    assert hall.executions == executions + 1
    assert hall.fakes.calls == ["tea 0", "tea 1"]
    assert len({id(ear.payloads[-1].body) for ear in ears}) == 1
    assert len(hall.groups) == 1


async def test_a_members_place_among_variables_does_not_matter(hall: Hall) -> None:
    hall.join(Operation(SIZED, {"of": "tea", "size": 3}, None))
    hall.join(Operation(SIZED, {"size": 3, "of": "tea"}, None))
    assert len(hall.groups) == 1
    hall.join(Operation(SIZED, {"size": 4, "of": "tea"}, None))
    hall.join(Operation(SIZED, {"size": 3, "of": "tea"}, "S"))
    hall.join(Operation(SIZED + " ", {"size": 3, "of": "tea"}, None))
    assert len(hall.groups) == 4


async def test_signed_in_or_not_everybody_shares_what_is_for_everybody(hall: Hall) -> None:
    first = hall.join(token=hall.fakes.sessions.open())
    hall.join()
    assert len(hall.groups) == 1
    await told(first, 0)
    assert [context.request.token for context in hall.contexts] == [None]


async def test_what_is_personal_is_shared_within_a_session_and_never_beyond(hall: Hall) -> None:
    alice, bob = hall.fakes.sessions.open(), hall.fakes.sessions.open()
    ears = {token: [hall.join(CART, token=token) for _ in range(2)] for token in (alice, bob)}
    assert len(hall.groups) == 2
    for token, members in ears.items():
        for ear in members:
            await told(ear, 0)
            assert ear.told[0]["cartChanged"]["key"] == hall.fakes.sessions.viewers[token].user_id
    hall.fakes.board.put(hall.fakes.sessions.viewers[alice].user_id, 1)
    for ear in ears[alice]:
        await told(ear, 0, 1)
    assert [ear.versions for ear in ears[bob]] == [[0], [0]]


async def test_nobody_shares_with_somebody_who_is_not_signed_in(hall: Hall) -> None:
    ears = [hall.join(CART), hall.join(CART)]
    assert len(hall.groups) == 2
    for ear in ears:
        await until(lambda ear=ear: bool(ear.ends))  # type: ignore[misc] # mypy and defaults
        assert ear.ends[0] is not None
        assert ear.ends[0].errors[0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert len(hall.groups) == 0


@pytest.mark.parametrize(
    "document",
    [
        "subscription { ... on Subscription { state { version } } }",
        "subscription { ...S } fragment S on Subscription { state { version } }",
        "subscription { count(upTo: 5) }",
    ],
)
async def test_what_cannot_be_proved_to_be_shared_is_not(hall: Hall, document: str) -> None:
    token = hall.fakes.sessions.open()
    for _ in range(2):
        hall.join(Operation(document, None, None), token=token)
    assert len(hall.groups) == 2


async def test_an_alias_changes_nothing(hall: Hall) -> None:
    document = "subscription { mine: state { version } }"
    for _ in range(2):
        hall.join(Operation(document, None, None))
    assert len(hall.groups) == 1


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


async def test_an_older_state_is_told_to_nobody(hall: Hall) -> None:
    ear = hall.join()
    hall.fakes.board.put("tea", 5)
    await until(lambda: ear.versions[-1:] == [5])
    known = ear.versions
    hall.fakes.board.put("tea", 4)
    await until(lambda: hall.fakes.calls[-1] == "tea 4")
    hall.fakes.board.put("tea", 6)
    await told(ear, *known, 6)


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


async def test_the_last_member_ends_the_group(hall: Hall) -> None:
    ears = [hall.join() for _ in range(3)]
    await told(ears[0], 0)
    for ear in ears[1:]:
        ear.leave()
    hall.fakes.board.put("tea", 1)
    await told(ears[0], 0, 1)
    assert hall.fakes.board.watching.watched() == ["tea"]
    ears[0].leave()
    assert len(hall.groups) == 0
    await until(lambda: hall.fakes.board.watching.watched() == [])
    assert [ear.ends for ear in ears] == [[], [], []]
    again = hall.join()
    await told(again, 1)


async def test_results_that_end_are_complete_for_all(hall: Hall) -> None:
    ears = [hall.join() for _ in range(3)]
    await told(ears[0], 0)
    hall.fakes.board.put("tea", ENDED)
    await until(lambda: all(ear.ends for ear in ears))
    assert [ear.ends for ear in ears] == [[None]] * 3
    assert len(hall.groups) == 0


async def test_our_own_mistake_is_told_to_all_and_masked(hall: Hall) -> None:
    ears = [hall.join() for _ in range(3)]
    await told(ears[0], 0)
    hall.fakes.board.put("tea", BROKEN)
    await until(lambda: all(ear.ends for ear in ears))
    for ear in ears:
        (refused,) = ear.ends
        assert refused is not None
        (error,) = refused.errors
        assert error["extensions"]["code"] == "INTERNAL"
        assert error["extensions"]["requestId"].startswith("req_")
        assert "hunter2" not in str(error)


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


async def test_variables_that_nest_without_end_are_refused(hall: Hall) -> None:
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    ear = hall.join(Operation(STATE.query, {"x": deep}, None))
    (refused,) = ear.ends
    assert refused is not None
    assert refused.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_group_keeps_no_more_than_it_may(hall: Hall) -> None:
    ear = hall.join(Operation("subscription { states { key version } }", None, None))
    await until(lambda: "*" in hall.fakes.board.watching)
    hall.fakes.board.put("*", MOST_KEPT + 50)
    await until(lambda: len(ear.payloads) >= MOST_KEPT + 50)
    assert ear.group is not None
    assert len(ear.group._newest) == MOST_KEPT  # noqa: SLF001 - what must not grow


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


async def test_beyond_so_many_groups_only_those_that_are_there_take_members(hall: Hall) -> None:
    for number in range(MOST_GROUPS):
        hall.join(Operation(SIZED, {"of": f"tea {number}", "size": 0}, None))
    beyond = hall.join(Operation(SIZED, {"of": "coffee", "size": 0}, None))
    (refused,) = beyond.ends
    assert refused is not None
    assert refused.errors[0]["extensions"] == {"code": "OVERLOADED", "retryAfterMs": 5_000}
    alike = hall.join(Operation(SIZED, {"of": "tea 1", "size": 0}, None))
    await told(alike, 0)
    alike.leave()
    assert len(hall.groups) == MOST_GROUPS


async def test_a_stream_that_is_slow_gets_the_newest(hall: Hall) -> None:
    facts = RequestFacts("req_1", None, "192.0.2.1", None, secure=False)
    watching = hall.join()
    results = followed(hall.groups, STATE, "EVERYBODY", facts, None)
    async with aclosing(results):
        assert b'"version":0' in await anext(results)
        for version in range(1, 20):
            hall.fakes.board.put("tea", version)
            await until(lambda version=version: watching.versions[-1] == version)  # type: ignore[misc] # mypy and defaults
        assert b'"version":19' in await anext(results)
        hall.fakes.board.put("tea", ENDED)
        assert [body async for body in results] == []
    assert len(hall.groups) == 0
