"""Protocol rule 4: what Postgres tells the gate about an order, in whatever order it arrives."""

import itertools
from typing import Literal

import pytest

from inventory.errors import HoldLapsed, PurchaseLimitReached, SoldOut, StaleEpoch
from inventory.stock import Settled
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import Deal, snapshot


async def tell(
    deal: Deal,
    rank: int,
    order: str = "ord_1",
    buyer: str = "usr_a",
    units: int = 2,
    epoch: int = 1,
) -> Settled:
    match rank:
        case 1:
            return await deal.confirm(order, buyer, units, epoch=epoch)
        case 2 | 4:
            return await deal.commit(order, buyer, units, epoch=epoch, rank=rank)
        case 3 | 5:
            return await deal.release(order, buyer, units, epoch=epoch, rank=rank)
        case _:
            raise AssertionError(rank)


@pytest.fixture
async def claimed(deal: Deal) -> Deal:
    """A claim of 2 of 10 units, with 1 unit held beside it."""
    await deal.hold("usr_b", 1)
    await deal.claimed("usr_a", "ord_1", 2)
    assert await deal.numbers() == (7, 3, 0)
    return deal


async def test_confirming_counts_nothing_and_ends_the_doubt(claimed: Deal) -> None:
    before = await claimed.counters()

    settled = await tell(claimed, 1)

    assert settled.word == "APPLIED"
    assert settled.counters is not None
    assert settled.counters.order == before.order
    found = await claimed.contents()
    assert found["claims"] == {"ord_1": "2|1|CLAIMED|usr_a"}
    assert found["unconfirmed"] == []


async def test_a_paid_claim_is_committed(claimed: Deal) -> None:
    before = await claimed.counters()

    settled = await tell(claimed, 2)

    assert settled.word == "APPLIED"
    assert settled.counters is not None
    assert settled.counters.version == before.version + 1
    assert await claimed.numbers() == (7, 1, 2)
    assert (await claimed.contents())["bought"] == {"usr_a": "2"}


async def test_a_freed_claim_is_available_again_and_off_the_limit(claimed: Deal) -> None:
    settled = await tell(claimed, 3)

    assert settled.word == "APPLIED"
    assert await claimed.numbers() == (9, 1, 0)
    found = await claimed.contents()
    assert found["bought"] == {}
    assert found["claims"] == {"ord_1": "2|3|FREED|usr_a"}
    await claimed.hold("usr_a", 5)


async def test_a_freed_sale_is_available_again(claimed: Deal) -> None:
    await tell(claimed, 2)

    await tell(claimed, 5)

    assert await claimed.numbers() == (9, 1, 0)
    assert (await claimed.contents())["bought"] == {}


@pytest.mark.parametrize("rank", [1, 2, 3])
async def test_a_message_is_applied_once(claimed: Deal, rank: int) -> None:
    await tell(claimed, rank)
    before = await claimed.contents()

    again = await tell(claimed, rank)

    assert again.word == "OLD_RANK"
    assert await claimed.contents() == before


@pytest.mark.parametrize("messages", list(itertools.permutations([1, 2, 5])))
async def test_sold_then_freed_ends_the_same_in_any_order(
    claimed: Deal, messages: tuple[int, ...]
) -> None:
    highest = 0
    for rank in messages:
        settled = await tell(claimed, rank)
        assert settled.word == ("APPLIED" if rank > highest else "OLD_RANK")
        highest = max(highest, rank)
        await claimed.check()

    assert await claimed.numbers() == (9, 1, 0)
    assert (await claimed.contents())["claims"] == {"ord_1": "2|5|FREED|usr_a"}


@pytest.mark.parametrize(("last", "numbers"), [(1, (7, 3, 0)), (2, (7, 1, 2)), (3, (9, 1, 0))])
@pytest.mark.parametrize("repeats", list(itertools.product([1, 2, 3], repeat=2)))
async def test_lower_ranks_never_undo_a_higher_one(
    claimed: Deal, last: int, numbers: tuple[int, int, int], repeats: tuple[int, int]
) -> None:
    await tell(claimed, last)

    for rank in repeats:
        if rank <= last:
            assert (await tell(claimed, rank)).word == "OLD_RANK"

    assert await claimed.numbers() == numbers


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
async def test_a_message_of_an_older_epoch_is_dropped(open_deal: OpenDeal, rank: int) -> None:
    deal = await open_deal(epoch=7)
    before = await deal.contents()

    settled = await tell(deal, rank, epoch=6)

    assert settled.word == "NEWER_EPOCH"
    assert await deal.contents() == before


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
async def test_a_message_of_a_newer_epoch_waits(claimed: Deal, rank: int) -> None:
    before = await claimed.contents()

    settled = await tell(claimed, rank, epoch=2)

    assert settled == Settled("OLDER_OR_MISSING", None)
    assert await claimed.contents() == before


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
async def test_a_message_for_a_missing_gate_waits(claimed: Deal, rank: int) -> None:
    await claimed.stock.close(claimed.deal_id)

    settled = await tell(claimed, rank)

    assert settled == Settled("OLDER_OR_MISSING", None)
    assert not any((await claimed.contents()).values())


@pytest.mark.parametrize("rank", [1, 2, 4])
async def test_a_claimed_or_sold_order_that_the_gate_never_saw_is_unknown(
    deal: Deal, rank: int
) -> None:
    before = await deal.contents()

    settled = await tell(deal, rank)

    assert settled.word == "UNKNOWN_CLAIM"
    assert await deal.contents() == before


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("buyer", "units"), [("usr_x", 2), ("usr_a", 3)])
async def test_a_claim_that_differs_from_its_message_is_unknown(
    claimed: Deal, rank: int, buyer: str, units: int
) -> None:
    before = await claimed.contents()

    settled = await tell(claimed, rank, buyer=buyer, units=units)

    assert settled.word == "UNKNOWN_CLAIM"
    assert await claimed.contents() == before


@pytest.mark.parametrize("rank", [3, 5])
async def test_a_freed_order_that_never_claimed_frees_nothing_and_keeps_a_late_claim_out(
    deal: Deal, rank: Literal[3, 5]
) -> None:
    await deal.hold("usr_a", 2)
    await deal.freeze("usr_a", "chk_1")

    settled = await deal.release("ord_1", "usr_a", 2, rank=rank)

    assert settled.word == "APPLIED"
    assert await deal.numbers() == (8, 2, 0)
    with pytest.raises(HoldLapsed):
        await deal.claim("usr_a", "ord_1", "chk_1", units=2)
    assert await deal.numbers() == (8, 2, 0)


async def test_selling_what_was_freed_is_unknown_until_it_is_reclaimed(claimed: Deal) -> None:
    await tell(claimed, 3)
    before = await claimed.contents()

    assert (await tell(claimed, 4)).word == "UNKNOWN_CLAIM"

    assert await claimed.contents() == before


async def test_late_money_takes_the_units_again(claimed: Deal) -> None:
    await tell(claimed, 3)

    answer = await claimed.reclaim("ord_1", "usr_a", 2)

    assert answer.changed
    assert await claimed.numbers() == (7, 3, 0)
    assert (await claimed.contents())["bought"] == {"usr_a": "2"}
    assert (await tell(claimed, 4)).word == "APPLIED"
    assert await claimed.numbers() == (7, 1, 2)
    assert (await tell(claimed, 5)).word == "APPLIED"
    assert await claimed.numbers() == (9, 1, 0)


async def test_a_repeated_reclaim_takes_the_units_once(claimed: Deal) -> None:
    await tell(claimed, 3)
    await claimed.reclaim("ord_1", "usr_a", 2)
    before = await claimed.contents()

    assert (await claimed.reclaim("ord_1", "usr_a", 2)).changed

    assert await claimed.contents() == before


async def test_late_money_before_the_message_that_freed_it_keeps_the_units(
    claimed: Deal,
) -> None:
    await claimed.reclaim("ord_1", "usr_a", 2)
    assert await claimed.numbers() == (7, 3, 0)

    assert (await tell(claimed, 3)).word == "OLD_RANK"

    assert await claimed.numbers() == (7, 3, 0)
    assert (await tell(claimed, 4)).word == "APPLIED"
    assert await claimed.numbers() == (7, 1, 2)


async def test_late_money_that_is_refused_in_the_end_frees_the_units(claimed: Deal) -> None:
    await tell(claimed, 3)
    await claimed.reclaim("ord_1", "usr_a", 2)

    assert (await tell(claimed, 5)).word == "APPLIED"

    assert await claimed.numbers() == (9, 1, 0)
    with pytest.raises(HoldLapsed):
        await claimed.reclaim("ord_1", "usr_a", 2)


async def test_a_sold_order_is_reclaimed_already(claimed: Deal) -> None:
    await tell(claimed, 2)
    before = await claimed.contents()

    assert (await claimed.reclaim("ord_1", "usr_a", 2)).changed

    assert await claimed.contents() == before


async def test_late_money_gets_no_unit_that_somebody_holds(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=2)
    await deal.claimed("usr_a", "ord_1", 2)
    await deal.release("ord_1", "usr_a", 2)
    await deal.hold("usr_b", 1)
    before = await deal.contents()

    with pytest.raises(SoldOut) as refused:
        await deal.reclaim("ord_1", "usr_a", 2)

    assert refused.value.available == 1
    assert await deal.contents() == before


async def test_late_money_stays_within_the_purchase_limit(open_deal: OpenDeal) -> None:
    deal = await open_deal(limit=2)
    await deal.claimed("usr_a", "ord_1", 2)
    await deal.release("ord_1", "usr_a", 2)
    await deal.hold("usr_a", 1)
    before = await deal.contents()

    with pytest.raises(PurchaseLimitReached) as refused:
        await deal.reclaim("ord_1", "usr_a", 2)

    assert (refused.value.limit, refused.value.already_yours) == (2, 1)
    assert await deal.contents() == before


async def test_late_money_under_another_epoch_goes_back(claimed: Deal) -> None:
    await tell(claimed, 3)
    before = await claimed.contents()

    with pytest.raises(StaleEpoch):
        await claimed.reclaim("ord_1", "usr_a", 2, epoch=2)

    assert await claimed.contents() == before


async def test_a_sale_that_came_with_a_rebuild_can_be_freed(open_deal: OpenDeal) -> None:
    deal = await open_deal(sold=2, ranks={"ord_1": 2}, bought={"usr_a": 2})

    settled = await tell(deal, 5)

    assert settled.word == "APPLIED"
    counters = settled.counters
    assert counters is not None
    assert (counters.available, counters.held, counters.committed) == (10, 0, 0)
    assert (await deal.contents())["bought"] == {}


async def test_a_message_that_a_rebuild_has_counted_is_dropped(claimed: Deal) -> None:
    run_id = await claimed.stock.run_id()
    await claimed.stock.rebuild(
        snapshot(
            claimed.deal_id,
            epoch=2,
            sold=2,
            ranks={"ord_1": 2},
            bought={"usr_a": 2},
            run_id=run_id,
        )
    )
    before = await claimed.contents()

    assert (await tell(claimed, 2, epoch=1)).word == "NEWER_EPOCH"
    assert (await tell(claimed, 2, epoch=2)).word == "OLD_RANK"

    assert await claimed.contents() == before
