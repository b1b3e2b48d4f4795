"""Protocol rule 4: what Postgres tells the gate about an order, in whatever order it arrives."""

import itertools
from typing import Literal

import pytest

from inventory.errors import HoldLapsed
from inventory.stock import Settled
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import Deal, snapshot


async def test_confirming_counts_nothing_and_ends_the_doubt(claimed: Deal) -> None:
    before = await claimed.counters()

    settled = await claimed.tell(1)

    assert settled.word == "APPLIED"
    assert settled.counters is not None
    assert settled.counters.order == before.order
    found = await claimed.contents()
    assert found["claims"] == {"ord_1": "2|1|CLAIMED|usr_a"}
    assert found["unconfirmed"] == []


async def test_a_paid_claim_is_committed(claimed: Deal) -> None:
    before = await claimed.counters()

    settled = await claimed.tell(2)

    assert settled.word == "APPLIED"
    assert settled.counters is not None
    assert settled.counters.version == before.version + 1
    assert await claimed.numbers() == (7, 1, 2)
    assert (await claimed.contents())["bought"] == {"usr_a": "2"}


async def test_a_freed_claim_is_available_again_and_off_the_limit(claimed: Deal) -> None:
    settled = await claimed.tell(3)

    assert settled.word == "APPLIED"
    assert await claimed.numbers() == (9, 1, 0)
    found = await claimed.contents()
    assert found["bought"] == {}
    assert found["claims"] == {"ord_1": "2|3|FREED|usr_a"}
    await claimed.hold("usr_a", 5)


async def test_a_freed_sale_is_available_again(claimed: Deal) -> None:
    await claimed.tell(2)

    await claimed.tell(5)

    assert await claimed.numbers() == (9, 1, 0)
    assert (await claimed.contents())["bought"] == {}


@pytest.mark.parametrize("rank", [1, 2, 3])
async def test_a_message_is_applied_once(claimed: Deal, rank: int) -> None:
    await claimed.tell(rank)
    before = await claimed.contents()

    again = await claimed.tell(rank)

    assert again.word == "OLD_RANK"
    assert await claimed.contents() == before


async def test_a_sale_that_is_told_again_under_a_higher_rank_counts_once(claimed: Deal) -> None:
    await claimed.tell(2)

    assert (await claimed.tell(4)).word == "APPLIED"

    assert await claimed.numbers() == (7, 1, 2)


@pytest.mark.parametrize("messages", list(itertools.permutations([1, 2, 5])))
async def test_sold_then_freed_ends_the_same_in_any_order(
    claimed: Deal, messages: tuple[int, ...]
) -> None:
    highest = 0
    for rank in messages:
        settled = await claimed.tell(rank)
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
    await claimed.tell(last)

    for rank in repeats:
        if rank <= last:
            assert (await claimed.tell(rank)).word == "OLD_RANK"

    assert await claimed.numbers() == numbers


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
async def test_a_message_of_an_older_epoch_is_dropped(open_deal: OpenDeal, rank: int) -> None:
    deal = await open_deal(epoch=7)
    before = await deal.contents()

    settled = await deal.tell(rank, epoch=6)

    assert settled.word == "NEWER_EPOCH"
    assert await deal.contents() == before


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
async def test_a_message_of_a_newer_epoch_waits(claimed: Deal, rank: int) -> None:
    before = await claimed.contents()

    settled = await claimed.tell(rank, epoch=2)

    assert settled == Settled("OLDER_OR_MISSING", None)
    assert await claimed.contents() == before


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
async def test_a_message_for_a_missing_gate_waits(claimed: Deal, rank: int) -> None:
    await claimed.stock.close(claimed.deal_id)

    settled = await claimed.tell(rank)

    assert settled == Settled("OLDER_OR_MISSING", None)
    assert not any((await claimed.contents()).values())


@pytest.mark.parametrize("rank", [1, 2, 4])
async def test_a_claimed_or_sold_order_that_the_gate_never_saw_is_unknown(
    deal: Deal, rank: int
) -> None:
    before = await deal.contents()

    settled = await deal.tell(rank)

    assert settled.word == "UNKNOWN_CLAIM"
    assert await deal.contents() == before


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("buyer", "units"), [("usr_x", 2), ("usr_a", 3)])
async def test_a_claim_that_differs_from_its_message_is_unknown(
    claimed: Deal, rank: int, buyer: str, units: int
) -> None:
    before = await claimed.contents()

    settled = await claimed.tell(rank, buyer=buyer, units=units)

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
    await claimed.tell(3)
    before = await claimed.contents()

    assert (await claimed.tell(4)).word == "UNKNOWN_CLAIM"

    assert await claimed.contents() == before


async def test_a_sale_that_came_with_a_rebuild_can_be_freed(open_deal: OpenDeal) -> None:
    deal = await open_deal(sold=2, ranks={"ord_1": 2}, bought={"usr_a": 2})

    settled = await deal.tell(5)

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

    assert (await claimed.tell(2, epoch=1)).word == "NEWER_EPOCH"
    assert (await claimed.tell(2, epoch=2)).word == "OLD_RANK"

    assert await claimed.contents() == before


@pytest.mark.parametrize("sold", [False, True])
async def test_written_off_units_leave_the_allotment_and_the_limit(
    claimed: Deal, *, sold: bool
) -> None:
    if sold:
        await claimed.tell(2)

    for word in ("APPLIED", "OLD_RANK"):
        assert (await claimed.release("ord_1", "usr_a", 2, restock=False)).word == word

    counters = await claimed.counters()
    assert (counters.allotment, counters.available) == (8, 7)
    assert (counters.held, counters.committed) == (1, 0)
    assert "usr_a" not in (await claimed.contents())["bought"]


async def test_a_sale_that_came_with_a_rebuild_can_be_written_off(open_deal: OpenDeal) -> None:
    deal = await open_deal(sold=2, ranks={"ord_1": 2}, bought={"usr_a": 2})

    settled = await deal.release("ord_1", "usr_a", 2, restock=False)

    assert settled.word == "APPLIED"
    counters = settled.counters
    assert counters is not None
    assert (counters.allotment, counters.available) == (8, 8)
    assert (counters.held, counters.committed) == (0, 0)


async def test_units_that_the_gate_does_not_count_cannot_be_written_off_there(deal: Deal) -> None:
    before = await deal.contents()

    settled = await deal.release("ord_1", "usr_a", 2, restock=False)

    assert settled.word == "UNKNOWN_CLAIM"
    assert await deal.contents() == before
