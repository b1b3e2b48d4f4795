import asyncio

from inventory.errors import PurchaseLimitReached, SoldOut
from tests.inventory.conftest import OpenDeal


async def test_last_unit_goes_to_one_of_two_hundred_buyers(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=1, limit=1)

    answers = await asyncio.gather(
        *(deal.hold(f"usr_{number}") for number in range(200)), return_exceptions=True
    )

    winners = [answer for answer in answers if not isinstance(answer, BaseException)]
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(winners) == 1
    assert len(refusals) == 199
    assert all(isinstance(refusal, SoldOut) and refusal.available == 0 for refusal in refusals)
    assert await deal.numbers() == (0, 1, 0)


async def test_two_hundred_tabs_of_one_buyer_get_what_the_limit_allows(
    open_deal: OpenDeal,
) -> None:
    deal = await open_deal(allotment=500, limit=2)

    answers = await asyncio.gather(
        *(deal.hold("usr_a") for _ in range(200)), return_exceptions=True
    )

    assert sum(not isinstance(answer, BaseException) for answer in answers) == 2
    assert (
        sum(
            isinstance(answer, PurchaseLimitReached) and answer.already_yours == 2
            for answer in answers
        )
        == 198
    )
    assert await deal.numbers() == (498, 2, 0)


async def test_fifty_units_and_three_hundred_buyers_make_fifty_holds(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=50, limit=1)

    answers = await asyncio.gather(
        *(deal.hold(f"usr_{number}") for number in range(300)), return_exceptions=True
    )

    versions = {
        answer.counters.version for answer in answers if not isinstance(answer, BaseException)
    }
    assert versions == set(range(2, 52))
    assert await deal.numbers() == (0, 50, 0)
