import asyncio
from datetime import timedelta

import pytest

from inventory.keys import DealKeys
from inventory.stock import Stock
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import CAP, CLOSES_MS, LONG, Deal, due

SOON = timedelta(milliseconds=5)
# Several holds are made one after the other before the first of them is due.
SOON_ENOUGH = timedelta(seconds=1)


async def test_due_holds_lapse_and_living_ones_stay(deal: Deal) -> None:
    await deal.hold("usr_b", 1, hold_for=LONG)
    short = (await deal.hold("usr_a", 2, hold_for=SOON)).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)

    swept = await deal.stock.lapse_holds(deal.deal_id, limit=10)

    assert swept is not None
    assert swept.lapsed == ("usr_a",)
    assert swept.changed
    assert await deal.numbers() == (9, 1, 0)
    assert set((await deal.contents())["holds"]) == {"usr_b"}


async def test_a_sweep_without_due_holds_writes_nothing(deal: Deal) -> None:
    await deal.hold("usr_a")
    before = await deal.contents()

    swept = await deal.stock.lapse_holds(deal.deal_id, limit=10)

    assert swept is not None
    assert swept.lapsed == ()
    assert not swept.changed
    assert await deal.contents() == before


async def test_a_sweep_takes_on_no_more_than_its_limit(deal: Deal) -> None:
    for buyer in ("usr_a", "usr_b", "usr_c"):
        short = (await deal.hold(buyer, hold_for=SOON_ENOUGH)).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)

    first = await deal.stock.lapse_holds(deal.deal_id, limit=2)
    second = await deal.stock.lapse_holds(deal.deal_id, limit=2)

    assert first is not None
    assert second is not None
    assert (len(first.lapsed), len(second.lapsed)) == (2, 1)
    assert await deal.numbers() == (10, 0, 0)


async def test_sweepers_beside_each_other_lapse_each_hold_once(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=50)
    for number in range(50):
        short = (await deal.hold(f"usr_{number}", hold_for=SOON_ENOUGH)).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)

    sweeps = await asyncio.gather(
        *(deal.stock.lapse_holds(deal.deal_id, limit=7) for _ in range(20))
    )

    lapsed = [buyer for swept in sweeps if swept is not None for buyer in swept.lapsed]
    assert sorted(lapsed) == sorted(f"usr_{number}" for number in range(50))
    assert await deal.numbers() == (50, 0, 0)


async def test_holds_lapse_also_while_the_deal_is_paused_or_over(deal: Deal) -> None:
    short = (await deal.hold("usr_a", hold_for=SOON)).hold
    assert short is not None
    await deal.terms(2, paused=True, closes_ms=2_000)
    await due(deal.redis, short.deadline_ms)

    swept = await deal.stock.lapse_holds(deal.deal_id, limit=10)

    assert swept is not None
    assert swept.lapsed == ("usr_a",)


async def test_a_missing_gate_has_nothing_to_sweep(deal: Deal) -> None:
    await deal.stock.close(deal.deal_id)

    assert await deal.stock.lapse_holds(deal.deal_id, limit=10) is None
    assert await deal.stock.due_soon(deal.deal_id, within=LONG, limit=10) == []
    assert await deal.stock.stale_claims(deal.deal_id, older_than=SOON, limit=10) == []
    assert not any((await deal.contents()).values())


async def test_a_deadline_that_a_clock_jump_put_too_far_away_is_clipped(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    await deal.hold("usr_b", 1)
    keys = DealKeys(deal.deal_id)
    packed = (await deal.contents())["holds"]["usr_a"]
    units, state, _, rest = packed.split("|", 3)
    await deal.redis.hset(keys.holds, "usr_a", f"{units}|{state}|{CLOSES_MS}|{rest}")
    await deal.redis.zadd(keys.due, {"usr_a": CLOSES_MS})
    untouched = (await deal.contents())["holds"]["usr_b"]

    swept = await deal.stock.lapse_holds(deal.deal_id, limit=10)

    assert swept is not None
    assert swept.lapsed == ()
    hold = (await deal.stock.read_holds("usr_a", [deal.deal_id]))[deal.deal_id]
    assert hold.units == 2
    assert hold.deadline_ms == swept.counters.as_of_ms + CAP // timedelta(milliseconds=1)
    assert (await deal.contents())["holds"]["usr_b"] == untouched
    assert await deal.numbers() == (7, 3, 0)


async def test_holds_that_lapse_soon_are_listed_by_deadline(deal: Deal) -> None:
    later = (await deal.hold("usr_a", hold_for=timedelta(seconds=50))).hold
    sooner = (await deal.hold("usr_b", hold_for=timedelta(seconds=40))).hold
    await deal.hold("usr_c", hold_for=LONG)
    await deal.hold("usr_d", hold_for=timedelta(seconds=30))
    await deal.hold("usr_d", 0, mode="set")
    lapsed = (await deal.hold("usr_e", hold_for=SOON)).hold
    assert later is not None
    assert sooner is not None
    assert lapsed is not None
    await due(deal.redis, lapsed.deadline_ms)
    before = await deal.contents()

    within = timedelta(minutes=1)
    assert await deal.stock.due_soon(deal.deal_id, within=within, limit=10) == [
        ("usr_b", sooner.deadline_ms),
        ("usr_a", later.deadline_ms),
    ]
    assert await deal.contents() == before


async def test_claims_of_which_postgres_says_nothing_become_stale(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1", 2)
    await deal.claimed("usr_b", "ord_2", 1)
    await deal.claimed("usr_c", "ord_3", 1)
    await deal.claimed("usr_d", "ord_4", 1)
    await deal.confirm("ord_2", "usr_b", 1)
    await deal.commit("ord_3", "usr_c", 1)
    await deal.release("ord_4", "usr_d", 1)
    claimed_ms = (await deal.contents())["unconfirmed"][0][1]
    await due(deal.redis, int(claimed_ms) + 1)

    assert await deal.stock.stale_claims(deal.deal_id, older_than=LONG, limit=10) == []
    stale = await deal.stock.stale_claims(
        deal.deal_id, older_than=timedelta(milliseconds=1), limit=10
    )
    assert stale == [("ord_1", "usr_a", 2)]


async def test_only_living_holds_of_the_buyer_are_read(stock: Stock, open_deal: OpenDeal) -> None:
    held, lapsed, given_back, somebody_elses, missing = [await open_deal() for _ in range(5)]
    kept = (await held.hold("usr_a", 2)).hold
    short = (await lapsed.hold("usr_a", hold_for=SOON)).hold
    await given_back.hold("usr_a")
    await given_back.hold("usr_a", 0, mode="set")
    await somebody_elses.hold("usr_b")
    await stock.close(missing.deal_id)
    assert short is not None
    await due(held.redis, short.deadline_ms)

    deals = [held, lapsed, given_back, somebody_elses, missing]
    found = await stock.read_holds("usr_a", [deal.deal_id for deal in deals])

    assert found == {held.deal_id: kept}


@pytest.mark.parametrize("limit", [0, 1001])
async def test_a_sweep_is_bounded(deal: Deal, limit: int) -> None:
    with pytest.raises(AssertionError):
        await deal.stock.lapse_holds(deal.deal_id, limit=limit)
