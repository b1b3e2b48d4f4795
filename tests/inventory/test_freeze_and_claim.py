import asyncio
from datetime import timedelta

import pytest

from inventory.errors import DealNotLive, HoldLapsed, StaleEpoch
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import CAP, Deal, due

SOON = timedelta(milliseconds=5)


async def test_freezing_moves_the_deadline_to_the_cap_once(deal: Deal) -> None:
    held = await deal.hold("usr_a", 2)

    first = await deal.freeze("usr_a", "chk_1")
    second = await deal.freeze("usr_a", "chk_2", cap=timedelta(minutes=1))

    assert first.hold is not None
    assert second.hold is not None
    assert (first.hold.state, first.hold.checkout_id) == ("FROZEN", "chk_1")
    assert first.hold.deadline_ms == first.counters.as_of_ms + CAP // timedelta(milliseconds=1)
    assert (second.hold.state, second.hold.checkout_id) == ("FROZEN", "chk_2")
    assert second.hold.deadline_ms == first.hold.deadline_ms
    assert second.counters.order == held.counters.order
    assert await deal.numbers() == (8, 2, 0)


async def test_freezing_again_for_the_same_checkout_writes_nothing(deal: Deal) -> None:
    await deal.hold("usr_a")
    first = await deal.freeze("usr_a")
    before = await deal.contents()

    again = await deal.freeze("usr_a")

    assert again.hold == first.hold
    assert again.changed
    assert await deal.contents() == before


async def test_there_is_nothing_to_freeze_without_a_hold(deal: Deal) -> None:
    await deal.hold("usr_a")
    await deal.hold("usr_a", 0, mode="set")
    before = await deal.contents()

    for buyer in ("usr_a", "usr_b"):
        with pytest.raises(HoldLapsed):
            await deal.freeze(buyer)

    assert await deal.contents() == before


async def test_a_due_hold_cannot_be_frozen(deal: Deal) -> None:
    short = (await deal.hold("usr_a", hold_for=SOON)).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)

    with pytest.raises(HoldLapsed) as refused:
        await deal.freeze("usr_a")

    assert refused.value.lapsed == ("usr_a",)
    assert await deal.numbers() == (10, 0, 0)


@pytest.mark.parametrize(
    "terms",
    [{"paused": True}, {"opens_ms": 3_900_000_000_000}, {"closes_ms": 2_000}],
    ids=["paused", "before it opens", "after it closed"],
)
async def test_a_hold_is_frozen_only_while_the_deal_is_live(
    deal: Deal, terms: dict[str, int]
) -> None:
    await deal.hold("usr_a")
    await deal.terms(2, **terms)  # type: ignore[arg-type] # each case has its own term
    before = await deal.contents()

    with pytest.raises(DealNotLive):
        await deal.freeze("usr_a")

    assert await deal.contents() == before


@pytest.mark.parametrize("epoch", [0, 2])
async def test_freezing_and_claiming_under_another_epoch_are_refused(
    deal: Deal, epoch: int
) -> None:
    await deal.hold("usr_a")
    await deal.freeze("usr_a")
    before = await deal.contents()

    with pytest.raises(StaleEpoch) as refused:
        await deal.freeze("usr_a", epoch=epoch)
    assert refused.value.gate_epoch == 1
    with pytest.raises(StaleEpoch) as refused:
        await deal.claim("usr_a", epoch=epoch)
    assert refused.value.gate_epoch == 1

    assert await deal.contents() == before


async def test_a_claim_takes_the_place_of_the_frozen_hold(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    frozen = await deal.freeze("usr_a")

    answer = await deal.claim("usr_a", units=2)

    assert answer.hold is None
    assert answer.changed
    assert answer.counters.order == frozen.counters.order
    assert await deal.numbers() == (8, 2, 0)
    found = await deal.contents()
    assert found["claims"] == {"ord_1": "2|0|CLAIMED|usr_a"}
    assert found["bought"] == {"usr_a": "2"}
    assert await deal.stock.read_holds("usr_a", [deal.deal_id]) == {}


async def test_a_repeated_claim_gets_the_same_answer(deal: Deal) -> None:
    await deal.claimed("usr_a")
    before = await deal.contents()

    again = await deal.claim("usr_a")

    assert again.hold is None
    assert again.changed
    assert await deal.contents() == before


async def test_a_repeated_claim_does_not_take_the_next_hold(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1")
    await deal.hold("usr_a", 1)
    await deal.freeze("usr_a", "chk_2")
    before = await deal.contents()

    await deal.claim("usr_a", "ord_1", "chk_1")

    assert await deal.contents() == before


async def test_after_a_claim_the_buyer_may_hold_again_up_to_the_limit(
    open_deal: OpenDeal,
) -> None:
    deal = await open_deal(limit=2)
    await deal.claimed("usr_a", "ord_1")

    await deal.claimed("usr_a", "ord_2")

    assert await deal.numbers() == (8, 2, 0)


async def test_a_claim_does_not_lapse_with_the_hold_it_was(deal: Deal) -> None:
    await deal.hold("usr_a")
    frozen = (await deal.freeze("usr_a", cap=timedelta(milliseconds=20))).hold
    assert frozen is not None
    await deal.claim("usr_a")
    await due(deal.redis, frozen.deadline_ms)

    swept = await deal.stock.lapse_holds(deal.deal_id, limit=100)

    assert swept is not None
    assert swept.lapsed == ()
    found = await deal.contents()
    assert found["claims"] == {"ord_1": "1|0|CLAIMED|usr_a"}
    assert found["holds"] == {}
    assert await deal.numbers() == (9, 1, 0)


@pytest.mark.parametrize(
    ("checkout", "units"),
    [("chk_2", 1), ("chk_1", 2), ("", 1)],
    ids=["another checkout", "other units", "no checkout"],
)
async def test_a_claim_needs_the_frozen_hold_of_its_checkout(
    deal: Deal, checkout: str, units: int
) -> None:
    await deal.hold("usr_a")
    await deal.freeze("usr_a", "chk_1")
    before = await deal.contents()

    with pytest.raises(HoldLapsed):
        await deal.claim("usr_a", checkout=checkout, units=units)

    assert await deal.contents() == before


async def test_a_hold_that_was_never_frozen_cannot_be_claimed(deal: Deal) -> None:
    await deal.hold("usr_a")
    before = await deal.contents()

    for checkout in ("chk_1", ""):
        with pytest.raises(HoldLapsed):
            await deal.claim("usr_a", checkout=checkout)

    assert await deal.contents() == before


async def test_changing_the_cart_supersedes_the_checkout_at_the_gate(deal: Deal) -> None:
    await deal.hold("usr_a")
    await deal.freeze("usr_a")
    await deal.hold("usr_a")
    await deal.hold("usr_a", 1, mode="set")
    before = await deal.contents()

    with pytest.raises(HoldLapsed):
        await deal.claim("usr_a")

    assert await deal.contents() == before


async def test_a_due_frozen_hold_cannot_be_claimed(deal: Deal) -> None:
    await deal.hold("usr_a")
    frozen = (await deal.freeze("usr_a", cap=SOON)).hold
    assert frozen is not None
    await due(deal.redis, frozen.deadline_ms)

    with pytest.raises(HoldLapsed):
        await deal.claim("usr_a")

    assert await deal.numbers() == (10, 0, 0)


async def test_a_paused_deal_claims_nothing_and_keeps_the_hold(deal: Deal) -> None:
    await deal.hold("usr_a")
    await deal.freeze("usr_a")
    await deal.terms(2, paused=True)
    before = await deal.contents()

    with pytest.raises(DealNotLive):
        await deal.claim("usr_a")
    assert await deal.contents() == before

    await deal.terms(3)
    await deal.claim("usr_a")
    assert await deal.numbers() == (9, 1, 0)


async def test_a_claim_is_repeated_also_while_paused(deal: Deal) -> None:
    await deal.claimed("usr_a")
    await deal.terms(2, paused=True)

    assert (await deal.claim("usr_a")).changed


async def test_what_was_frozen_in_time_is_claimed_after_the_window_closed(deal: Deal) -> None:
    await deal.hold("usr_a")
    await deal.freeze("usr_a")
    await deal.terms(2, closes_ms=2_000)

    await deal.claim("usr_a")

    assert await deal.numbers() == (9, 1, 0)


async def test_a_freed_order_claims_nothing(deal: Deal) -> None:
    await deal.claimed("usr_a")
    await deal.release("ord_1", "usr_a")
    await deal.hold("usr_a")
    await deal.freeze("usr_a")
    before = await deal.contents()

    with pytest.raises(HoldLapsed):
        await deal.claim("usr_a")

    assert await deal.contents() == before


async def test_one_frozen_hold_becomes_one_claim_among_parallel_attempts(deal: Deal) -> None:
    await deal.hold("usr_a")
    await deal.freeze("usr_a")

    answers = await asyncio.gather(
        *(deal.claim("usr_a", f"ord_{number % 5}") for number in range(50)),
        return_exceptions=True,
    )

    assert sum(not isinstance(answer, BaseException) for answer in answers) == 10
    assert await deal.numbers() == (9, 1, 0)
