"""Protocol rule 9: money for an order that had been freed takes its units once more."""

import pytest

from inventory.errors import HoldLapsed, PurchaseLimitReached, SoldOut, StaleEpoch
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import Deal


async def test_late_money_takes_the_units_again(claimed: Deal) -> None:
    await claimed.tell(3)

    answer = await claimed.reclaim("ord_1", "usr_a", 2)

    assert answer.changed
    assert await claimed.numbers() == (7, 3, 0)
    assert (await claimed.contents())["bought"] == {"usr_a": "2"}
    assert (await claimed.tell(4)).word == "APPLIED"
    assert await claimed.numbers() == (7, 1, 2)
    assert (await claimed.tell(5)).word == "APPLIED"
    assert await claimed.numbers() == (9, 1, 0)


async def test_a_repeated_reclaim_takes_the_units_once(claimed: Deal) -> None:
    await claimed.tell(3)
    await claimed.reclaim("ord_1", "usr_a", 2)
    before = await claimed.contents()

    assert (await claimed.reclaim("ord_1", "usr_a", 2)).changed

    assert await claimed.contents() == before


async def test_late_money_before_the_message_that_freed_it_keeps_the_units(
    claimed: Deal,
) -> None:
    await claimed.reclaim("ord_1", "usr_a", 2)
    assert await claimed.numbers() == (7, 3, 0)
    assert (await claimed.contents())["unconfirmed"] == []

    assert (await claimed.tell(3)).word == "OLD_RANK"

    assert await claimed.numbers() == (7, 3, 0)
    assert (await claimed.tell(4)).word == "APPLIED"
    assert await claimed.numbers() == (7, 1, 2)


async def test_late_money_that_is_refused_in_the_end_frees_the_units(claimed: Deal) -> None:
    await claimed.tell(3)
    await claimed.reclaim("ord_1", "usr_a", 2)

    assert (await claimed.tell(5)).word == "APPLIED"

    assert await claimed.numbers() == (9, 1, 0)
    with pytest.raises(HoldLapsed):
        await claimed.reclaim("ord_1", "usr_a", 2)


async def test_a_sold_order_is_reclaimed_already(claimed: Deal) -> None:
    await claimed.tell(2)
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
    await claimed.tell(3)
    before = await claimed.contents()

    with pytest.raises(StaleEpoch):
        await claimed.reclaim("ord_1", "usr_a", 2, epoch=2)

    assert await claimed.contents() == before
