from datetime import timedelta

import pytest

from inventory.errors import DealNotLive, PurchaseLimitReached, SoldOut, StaleEpoch
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import CAP, LONG, Deal


async def test_a_hold_moves_units_from_available_to_held(deal: Deal) -> None:
    answer = await deal.hold("usr_a", 3)

    assert answer.changed
    assert answer.lapsed == ()
    counters = answer.counters
    assert (counters.available, counters.held, counters.committed) == (7, 3, 0)
    assert counters.order == (1, 2)
    hold = answer.hold
    assert hold is not None
    assert (hold.units, hold.state, hold.checkout_id) == (3, "HELD", None)
    assert hold.deadline_ms == counters.as_of_ms + LONG // timedelta(milliseconds=1)
    await deal.check()


async def test_adding_grows_a_hold_and_keeps_its_deadline(deal: Deal) -> None:
    first = await deal.hold("usr_a", 1)
    second = await deal.hold("usr_a", 2, hold_for=CAP)

    assert first.hold is not None
    assert second.hold is not None
    assert second.hold.units == 3
    assert second.hold.deadline_ms == first.hold.deadline_ms
    assert await deal.numbers() == (7, 3, 0)


async def test_setting_makes_a_hold_larger_and_smaller(deal: Deal) -> None:
    await deal.hold("usr_a", 4, mode="set")
    assert await deal.numbers() == (6, 4, 0)

    answer = await deal.hold("usr_a", 1, mode="set")

    assert answer.hold is not None
    assert answer.hold.units == 1
    assert await deal.numbers() == (9, 1, 0)


async def test_setting_to_zero_gives_the_hold_back(deal: Deal) -> None:
    await deal.hold("usr_a", 4)

    answer = await deal.hold("usr_a", 0, mode="set")

    assert answer.hold is None
    assert answer.changed
    assert await deal.numbers() == (10, 0, 0)
    assert await deal.stock.read_holds("usr_a", [deal.deal_id]) == {}


async def test_setting_to_what_is_held_changes_nothing_that_anybody_sees(deal: Deal) -> None:
    await deal.hold("usr_a", 2)

    answer = await deal.hold("usr_a", 2, mode="set")

    assert not answer.changed
    assert answer.counters.version == 2
    assert answer.hold is not None
    assert answer.hold.units == 2


async def test_setting_to_what_is_held_needs_no_live_deal(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    await deal.terms(2, paused=True)

    assert not (await deal.hold("usr_a", 2, mode="set")).changed


async def test_giving_back_what_was_never_held_writes_nothing(deal: Deal) -> None:
    before = await deal.contents()

    answer = await deal.hold("usr_a", 0, mode="set")

    assert not answer.changed
    assert answer.hold is None
    assert await deal.contents() == before


async def test_a_repeat_answers_as_the_first_did_and_changes_nothing(deal: Deal) -> None:
    first = await deal.hold("usr_a", 2, operation="add-two")
    before = await deal.contents()

    again = await deal.hold("usr_a", 2, operation="add-two")

    assert again.hold == first.hold
    assert again.changed
    assert again.counters.order == first.counters.order
    assert await deal.contents() == before


async def test_a_repeat_of_what_changed_nothing_says_so_again(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    await deal.hold("usr_a", 2, mode="set", operation="same")
    await deal.hold("usr_a", 1)

    again = await deal.hold("usr_a", 2, mode="set", operation="same")

    assert not again.changed
    assert again.hold is not None
    assert again.hold.units == 3


async def test_an_addition_repeated_after_its_hold_was_given_back_adds_nothing(deal: Deal) -> None:
    await deal.hold("usr_a", 2, operation="add-two")
    await deal.hold("usr_a", 0, mode="set")
    before = await deal.contents()

    again = await deal.hold("usr_a", 2, operation="add-two")

    assert again.hold is None
    assert await deal.contents() == before


async def test_an_addition_repeated_after_its_hold_was_claimed_adds_nothing(deal: Deal) -> None:
    await deal.hold("usr_a", 1, operation="add-one")
    await deal.freeze("usr_a")
    await deal.claim("usr_a")
    before = await deal.contents()

    await deal.hold("usr_a", 1, operation="add-one")

    assert await deal.contents() == before


async def test_eight_operations_of_a_hold_are_remembered(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=100, limit=100)
    for number in range(9):
        await deal.hold("usr_a", 1, operation=f"operation-{number}")
    assert (await deal.numbers())[1] == 9

    for number in range(8, 0, -1):
        await deal.hold("usr_a", 1, operation=f"operation-{number}")
    assert (await deal.numbers())[1] == 9

    await deal.hold("usr_a", 1, operation="operation-0")
    assert (await deal.numbers())[1] == 10


async def test_after_giving_back_a_new_hold_has_a_deadline_of_its_own(deal: Deal) -> None:
    await deal.hold("usr_a", 1, hold_for=LONG)
    await deal.freeze("usr_a", cap=timedelta(minutes=1))
    await deal.hold("usr_a", 0, mode="set")

    answer = await deal.hold("usr_a", 1, hold_for=CAP)

    assert answer.hold is not None
    assert answer.hold.state == "HELD"
    assert answer.hold.deadline_ms == answer.counters.as_of_ms + 900_000
    await deal.check()


async def test_changing_a_frozen_hold_keeps_its_cap_and_leaves_its_checkout(deal: Deal) -> None:
    await deal.hold("usr_a", 1)
    frozen = (await deal.freeze("usr_a", "chk_1")).hold
    assert frozen is not None

    changed = (await deal.hold("usr_a", 1)).hold

    assert changed is not None
    assert (changed.units, changed.state, changed.checkout_id) == (2, "FROZEN", None)
    assert changed.deadline_ms == frozen.deadline_ms


async def test_more_than_is_available_is_sold_out(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=3)
    await deal.hold("usr_a", 2)
    before = await deal.contents()

    with pytest.raises(SoldOut) as refused:
        await deal.hold("usr_b", 2)

    assert refused.value.available == 1
    assert refused.value.deal_id == deal.deal_id
    assert refused.value.counters is not None
    assert refused.value.counters.order == (1, 2)
    assert await deal.contents() == before


async def test_a_buyer_is_not_blocked_by_their_own_hold(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=3)
    await deal.hold("usr_a", 2)

    answer = await deal.hold("usr_a", 3, mode="set")

    assert answer.counters.available == 0


async def test_the_purchase_limit_counts_what_is_held(deal: Deal) -> None:
    await deal.hold("usr_a", 3)
    before = await deal.contents()

    with pytest.raises(PurchaseLimitReached) as refused:
        await deal.hold("usr_a", 3)

    assert (refused.value.limit, refused.value.already_yours) == (5, 3)
    assert await deal.contents() == before


async def test_the_purchase_limit_counts_what_is_ordered_and_paid(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1", 2)
    await deal.claimed("usr_a", "ord_2", 1)
    await deal.commit("ord_2", "usr_a", 1)
    await deal.hold("usr_a", 1)
    before = await deal.contents()

    with pytest.raises(PurchaseLimitReached) as refused:
        await deal.hold("usr_a", 3, mode="set")

    assert (refused.value.limit, refused.value.already_yours) == (5, 4)
    assert await deal.contents() == before
    assert (await deal.hold("usr_a", 2, mode="set")).changed


async def test_the_limit_refuses_before_the_stock_does(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=1, limit=2)

    with pytest.raises(PurchaseLimitReached):
        await deal.hold("usr_a", 3)


@pytest.mark.parametrize(
    "terms",
    [
        {"paused": True},
        {"opens_ms": 3_900_000_000_000},
        {"closes_ms": 2_000},
    ],
    ids=["paused", "before it opens", "after it closed"],
)
async def test_a_hold_grows_only_while_the_deal_is_live(deal: Deal, terms: dict[str, int]) -> None:
    await deal.hold("usr_a", 2)
    await deal.terms(2, **terms)  # type: ignore[arg-type] # each case has its own term
    before = await deal.contents()

    for buyer in ("usr_a", "usr_b"):
        with pytest.raises(DealNotLive) as refused:
            await deal.hold(buyer, 1)
        assert refused.value.deal_id == deal.deal_id
    assert await deal.contents() == before

    await deal.hold("usr_a", 1, mode="set")
    assert await deal.numbers() == (9, 1, 0)


@pytest.mark.parametrize("epoch", [0, 2])
async def test_another_epoch_is_refused(deal: Deal, epoch: int) -> None:
    before = await deal.contents()

    with pytest.raises(StaleEpoch) as refused:
        await deal.hold("usr_a", 1, epoch=epoch)

    assert refused.value.gate_epoch == 1
    assert await deal.contents() == before


async def test_a_missing_gate_is_refused_and_not_seeded(deal: Deal) -> None:
    await deal.stock.close(deal.deal_id)

    with pytest.raises(StaleEpoch) as refused:
        await deal.hold("usr_a", 1)

    assert refused.value.gate_epoch is None
    assert not any((await deal.contents()).values())
