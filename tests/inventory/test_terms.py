import asyncio
from dataclasses import replace

import pytest

from inventory.errors import BelowHeldAndSold, StaleEpoch
from inventory.stock import Stock
from kit.ids import new_id
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import Deal, snapshot


async def test_more_units_are_available_at_once(deal: Deal) -> None:
    await deal.hold("usr_a", 3)

    counters = await deal.adjust(5, "restock")

    assert (counters.allotment, counters.available, counters.held) == (15, 12, 3)
    assert counters.version == 3
    await deal.check()


async def test_an_adjustment_is_applied_once(deal: Deal) -> None:
    first = await deal.adjust(5, "restock")
    before = await deal.contents()

    again = await deal.adjust(5, "restock")

    assert again.order == first.order
    assert again.allotment == 15
    assert await deal.contents() == before


async def test_parallel_repeats_of_an_adjustment_are_applied_once(deal: Deal) -> None:
    await asyncio.gather(*(deal.adjust(1, f"restock-{number % 10}") for number in range(100)))

    assert (await deal.counters()).allotment == 20


async def test_what_nobody_holds_can_be_taken_away(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1", 2)
    await deal.hold("usr_b", 3)

    counters = await deal.adjust(-5, "withdraw")

    assert (counters.allotment, counters.available, counters.held) == (5, 0, 5)
    await deal.check()


async def test_what_is_held_or_sold_cannot_be_taken_away(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1", 2)
    await deal.commit("ord_1", "usr_a", 2)
    await deal.hold("usr_b", 3)
    before = await deal.contents()

    with pytest.raises(BelowHeldAndSold) as refused:
        await deal.adjust(-6, "withdraw")

    assert refused.value.available == 5
    assert await deal.contents() == before


async def test_an_adjustment_under_another_epoch_is_refused(deal: Deal) -> None:
    before = await deal.contents()

    with pytest.raises(StaleEpoch) as refused:
        await deal.adjust(5, "restock", epoch=2)

    assert refused.value.gate_epoch == 1
    assert await deal.contents() == before


async def test_only_a_newer_revision_of_the_terms_counts(deal: Deal) -> None:
    assert await deal.terms(3, limit=1)
    before = await deal.contents()

    assert not await deal.terms(3, limit=9)
    assert not await deal.terms(2, paused=True)

    assert await deal.contents() == before
    assert before["stock"]["limit"] == "1"
    assert before["stock"]["state"] == "OPEN"


async def test_terms_change_no_counter_and_no_version(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    before = await deal.counters()

    await deal.terms(2, paused=True)

    after = await deal.counters()
    assert after.order == before.order
    assert await deal.numbers() == (8, 2, 0)


async def test_terms_under_another_epoch_are_refused(deal: Deal) -> None:
    before = await deal.contents()

    with pytest.raises(StaleEpoch):
        await deal.terms(2, epoch=2)

    assert await deal.contents() == before


async def test_gates_are_read_together_and_missing_ones_are_none(
    stock: Stock, open_deal: OpenDeal
) -> None:
    first, second = await open_deal(), await open_deal(allotment=3, sold=1)

    found = await stock.read([first.deal_id, "deal_nobody", second.deal_id])

    assert list(found) == [first.deal_id, "deal_nobody", second.deal_id]
    assert found["deal_nobody"] is None
    counters = found[second.deal_id]
    assert counters is not None
    assert (counters.available, counters.committed, counters.order) == (2, 1, (1, 1))


async def test_reading_no_gates_asks_nobody(stock: Stock) -> None:
    assert await stock.read([]) == {}
    assert await stock.read_holds("usr_a", []) == {}


async def test_a_closed_gate_leaves_nothing_behind(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1", 1)
    await deal.hold("usr_b")

    await deal.stock.close(deal.deal_id)
    await deal.stock.close(deal.deal_id)

    assert not any((await deal.contents()).values())


async def test_an_opened_gate_has_what_postgres_says(stock: Stock, open_deal: OpenDeal) -> None:
    deal = await open_deal(
        epoch=4,
        allotment=20,
        sold=3,
        claims=[("ord_1", "usr_a", 2, 1)],
        ranks={"ord_2": 2, "ord_3": 3},
        bought={"usr_a": 2, "usr_b": 3},
        limit=4,
        paused=True,
    )

    found = await deal.contents()

    assert found["claims"] == {
        "ord_1": "2|1|CLAIMED|usr_a",
        "ord_2": "0|2|SOLD|",
        "ord_3": "0|3|FREED|",
    }
    assert found["bought"] == {"usr_a": "2", "usr_b": "3"}
    assert found["stock"] == {
        "epoch": "4",
        "version": "1",
        "revision": "1",
        "allotment": "20",
        "available": "15",
        "held": "2",
        "committed": "3",
        "opens": "1000",
        "closes": "4000000000000",
        "limit": "4",
        "state": "PAUSED",
        "run_id": await stock.run_id(),
        "ledger_seq": "0",
    }


async def test_rebuilding_under_an_epoch_that_is_over_changes_nothing(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    run_id = await deal.stock.run_id()
    before = await deal.contents()

    counters = await deal.stock.rebuild(
        snapshot(deal.deal_id, epoch=1, allotment=99, run_id=run_id)
    )

    assert counters.order == (1, 2)
    assert counters.allotment == 10
    assert await deal.contents() == before


async def test_units_that_a_rebuild_has_counted_are_not_given_twice(stock: Stock) -> None:
    """Postgres gave units while a rebuild was reading it; their message comes afterwards."""
    deal_id = new_id("deal")
    read = replace(snapshot(deal_id, allotment=20, run_id=await stock.run_id()), ledger_seq=7)
    await stock.rebuild(read)
    for entry in (6, 7):
        counters = await stock.adjust_stock(
            deal_id, 5, epoch=1, operation_id=f"raise {entry}", ledger_seq=entry
        )
        assert counters.allotment == 20
    for _ in range(2):
        counters = await stock.adjust_stock(
            deal_id, 5, epoch=1, operation_id="raise 8", ledger_seq=8
        )
        assert (counters.allotment, counters.available) == (25, 25)
