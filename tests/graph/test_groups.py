"""Identical subscriptions are one execution, and nobody is ever told an older state."""

from contextlib import aclosing

import pytest

from graph.context import RequestFacts
from graph.event_stream import followed
from graph.group import MOST_KEPT
from graph.requests import Operation
from tests.graph.edge import until
from tests.graph.members import CART, MOST_GROUPS, STATE, Hall, told
from tests.graph.small_schema import BROKEN, ENDED

SIZED = (
    "subscription S($of: String!, $size: Int!) { state(of: $of) { version padding(size: $size) } }"
)


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


async def test_an_older_state_is_told_to_nobody(hall: Hall) -> None:
    ear = hall.join()
    hall.fakes.board.put("tea", 5)
    await until(lambda: ear.versions[-1:] == [5])
    known = ear.versions
    hall.fakes.board.put("tea", 4)
    await until(lambda: hall.fakes.calls[-1] == "tea 4")
    hall.fakes.board.put("tea", 6)
    await told(ear, *known, 6)


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
