from datetime import timedelta

import pytest

from inventory.errors import SoldOut
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import Deal, due


async def test_a_hold_lapses_at_its_deadline_in_passing(deal: Deal) -> None:
    short = (await deal.hold("usr_a", 2, hold_for=timedelta(milliseconds=5))).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)

    answer = await deal.hold("usr_b", 1)

    assert answer.lapsed == ("usr_a",)
    assert await deal.numbers() == (9, 1, 0)


async def test_units_of_a_due_hold_are_sold_to_the_next_buyer(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=1)
    short = (await deal.hold("usr_a", 1, hold_for=timedelta(milliseconds=5))).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)

    answer = await deal.hold("usr_b", 1)

    assert answer.hold is not None
    assert await deal.numbers() == (0, 1, 0)


async def test_a_refusal_tells_whose_holds_lapsed_in_passing(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=2)
    short = (await deal.hold("usr_a", 1, hold_for=timedelta(milliseconds=5))).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)

    with pytest.raises(SoldOut) as refused:
        await deal.hold("usr_b", 3)

    assert refused.value.lapsed == ("usr_a",)
    assert refused.value.available == 2
    assert await deal.numbers() == (2, 0, 0)


async def test_adding_to_a_due_hold_begins_a_new_one(deal: Deal) -> None:
    short = (await deal.hold("usr_a", 2, hold_for=timedelta(milliseconds=5))).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)

    answer = await deal.hold("usr_a", 1)

    assert answer.hold is not None
    assert answer.hold.units == 1
    assert answer.lapsed == ("usr_a",)
    assert answer.hold.deadline_ms > short.deadline_ms
    assert await deal.numbers() == (9, 1, 0)


async def test_one_call_lapses_sixteen_holds_and_always_its_own(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=40)
    deadlines = []
    for number in range(20):
        answer = await deal.hold(f"usr_{number:02}", 1, hold_for=timedelta(milliseconds=600))
        assert answer.hold is not None
        deadlines.append(answer.hold.deadline_ms)
    await due(deal.redis, max(deadlines))

    answer = await deal.hold("usr_19", 1)

    assert set(answer.lapsed) == {f"usr_{number:02}" for number in range(16)} | {"usr_19"}
    assert answer.counters.held == 4
    await deal.check()
