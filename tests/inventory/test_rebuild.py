"""Protocol rule 6: what a rebuild keeps of the gate before it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from inventory.errors import HoldLapsed, PurchaseLimitReached, StaleEpoch
from inventory.stock import Counters
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import Deal, due, recount, snapshot


async def rebuild(deal: Deal, **known: Any) -> Counters:
    """Rebuild under epoch 2, and check the result against its own keys."""
    sold = known.get("sold", 0)
    run_id = await deal.stock.run_id()
    counters = await deal.stock.rebuild(snapshot(deal.deal_id, epoch=2, run_id=run_id, **known))
    assert counters.order == (2, 1)
    recount(await deal.contents(), sold_before=sold)
    return counters


async def test_living_holds_survive_with_all_that_they_remember(deal: Deal) -> None:
    await deal.hold("usr_a", 2, operation="add-two")
    await deal.hold("usr_b", 1)
    await deal.freeze("usr_b", "chk_1")
    before = await deal.contents()

    counters = await rebuild(deal)

    assert (counters.available, counters.held) == (7, 3)
    found = await deal.contents()
    assert found["holds"] == before["holds"]
    assert found["due"] == before["due"]
    await deal.hold("usr_a", 2, operation="add-two", epoch=2)
    assert (await deal.counters()).held == 3
    await deal.claim("usr_b", epoch=2)


async def test_due_holds_do_not_survive(deal: Deal) -> None:
    short = (await deal.hold("usr_a", 2, hold_for=timedelta(milliseconds=5))).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)

    counters = await rebuild(deal)

    assert (counters.available, counters.held) == (10, 0)
    assert (await deal.contents())["holds"] == {}


async def test_operations_of_a_hold_that_was_given_back_survive(deal: Deal) -> None:
    await deal.hold("usr_a", 2, operation="add-two")
    await deal.hold("usr_a", 0, mode="set")

    await rebuild(deal)
    await deal.hold("usr_a", 2, operation="add-two", epoch=2)

    assert (await deal.counters()).held == 0


async def test_a_claim_that_postgres_does_not_know_survives(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1", 2)

    counters = await rebuild(deal)

    assert (counters.available, counters.held) == (8, 2)
    found = await deal.contents()
    assert found["claims"] == {"ord_1": "2|0|CLAIMED|usr_a"}
    assert found["bought"] == {"usr_a": "2"}
    assert [order for order, _ in found["unconfirmed"]] == ["ord_1"]
    assert (await deal.claim("usr_a", "ord_1", units=2, epoch=2)).changed
    assert (await deal.confirm("ord_1", "usr_a", 2, epoch=2)).word == "APPLIED"


async def test_a_claim_waits_for_its_order_no_longer_because_of_rebuilds(deal: Deal) -> None:
    await deal.claimed("usr_a")
    since = (await deal.contents())["unconfirmed"]
    await rebuild(deal)
    assert (await deal.contents())["unconfirmed"] == since


async def test_a_surviving_claim_counts_beside_what_its_buyer_bought(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1", 1)
    await deal.claimed("usr_a", "ord_2", 1)
    await deal.claimed("usr_a", "ord_3", 1)

    await rebuild(deal, claims=[("ord_1", "usr_a", 1, 1)], bought={"usr_a": 1})

    assert (await deal.contents())["bought"] == {"usr_a": "3"}
    with pytest.raises(PurchaseLimitReached):
        await deal.hold("usr_a", 3, epoch=2)


async def test_a_claim_that_postgres_knows_is_counted_once(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1", 2)

    counters = await rebuild(deal, claims=[("ord_1", "usr_a", 2, 1)], bought={"usr_a": 2})

    assert (counters.available, counters.held) == (8, 2)
    found = await deal.contents()
    assert found["claims"] == {"ord_1": "2|1|CLAIMED|usr_a"}
    assert found["bought"] == {"usr_a": "2"}
    assert found["unconfirmed"] == []


@pytest.mark.parametrize("rank", [3, 5])
async def test_a_claim_whose_order_has_ended_is_dropped(deal: Deal, rank: int) -> None:
    await deal.claimed("usr_a", "ord_1", 2)

    counters = await rebuild(deal, ranks={"ord_1": rank})

    assert (counters.available, counters.held) == (10, 0)
    found = await deal.contents()
    assert found["claims"] == {"ord_1": f"0|{rank}|FREED|"}
    assert found["bought"] == {}
    with pytest.raises(HoldLapsed):
        await deal.claim("usr_a", "ord_1", units=2, epoch=2)


@pytest.mark.parametrize("rank", [2, 4])
async def test_a_claim_whose_order_is_paid_is_a_sale(deal: Deal, rank: int) -> None:
    await deal.claimed("usr_a", "ord_1", 2)

    counters = await rebuild(deal, sold=2, ranks={"ord_1": rank}, bought={"usr_a": 2})

    assert (counters.available, counters.held, counters.committed) == (8, 0, 2)
    assert (await deal.contents())["claims"] == {"ord_1": f"0|{rank}|SOLD|"}


async def test_a_sale_that_postgres_does_not_know_is_no_sale(deal: Deal) -> None:
    await deal.claimed("usr_a", "ord_1", 2)
    await deal.commit("ord_1", "usr_a", 2)

    counters = await rebuild(deal)

    assert (counters.available, counters.held, counters.committed) == (10, 0, 0)
    assert (await deal.contents())["claims"] == {}


async def test_a_hold_whose_checkout_became_an_order_is_that_order(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    await deal.freeze("usr_a", "chk_1")

    counters = await rebuild(deal, claims=[("ord_1", "usr_a", 2, 1)], bought={"usr_a": 2})

    assert (counters.available, counters.held) == (8, 2)
    assert (await deal.contents())["holds"] == {}


async def test_orders_that_the_gate_never_saw_are_counted(deal: Deal) -> None:
    counters = await rebuild(
        deal,
        sold=3,
        claims=[("ord_1", "usr_a", 2, 1)],
        ranks={"ord_2": 2},
        bought={"usr_a": 2, "usr_b": 3},
    )

    assert (counters.available, counters.held, counters.committed) == (5, 2, 3)


async def test_held_holds_are_evicted_before_frozen_ones_and_the_latest_first(
    open_deal: OpenDeal,
) -> None:
    deal = await open_deal(allotment=5)
    await deal.hold("usr_frozen", 1)
    await deal.freeze("usr_frozen", "chk_9")
    await deal.hold("usr_early", 1, hold_for=timedelta(minutes=5))
    await deal.hold("usr_late", 1, hold_for=timedelta(minutes=6))
    await deal.claimed("usr_claim", "ord_7", 1)

    counters = await rebuild(deal, allotment=5, sold=2, ranks={"ord_8": 2}, bought={"usr_x": 2})

    assert (counters.available, counters.held, counters.committed) == (0, 3, 2)
    found = await deal.contents()
    assert {"usr_frozen", "usr_early"} == {
        buyer for buyer, packed in found["holds"].items() if not packed.startswith("0|")
    }
    assert found["claims"]["ord_7"] == "1|0|CLAIMED|usr_claim"


async def test_a_claim_that_does_not_fit_is_evicted_last_and_has_to_start_again(
    open_deal: OpenDeal,
) -> None:
    deal = await open_deal(allotment=3)
    await deal.claimed("usr_a", "ord_1", 2)
    await deal.hold("usr_b", 1)

    counters = await rebuild(deal, allotment=3, sold=2, ranks={"ord_8": 2}, bought={"usr_x": 2})

    # The claim of 2 fits no more; the hold of 1 does.
    assert (counters.available, counters.held, counters.committed) == (0, 1, 2)
    found = await deal.contents()
    assert "ord_1" not in found["claims"]
    assert found["bought"] == {"usr_x": "2"}
    with pytest.raises(HoldLapsed):
        await deal.claim("usr_a", "ord_1", units=2, epoch=2)


async def test_what_postgres_promised_beyond_the_allotment_is_shown_and_not_clamped(
    deal: Deal,
) -> None:
    await deal.hold("usr_a", 1)

    counters = await rebuild(
        deal, allotment=3, sold=2, claims=[("ord_1", "usr_b", 2, 1)], bought={"usr_b": 4}
    )

    assert (counters.allotment, counters.available, counters.held) == (3, -1, 2)


async def test_a_rebuild_takes_terms_and_forgets_adjustments_of_the_epoch_before(
    deal: Deal,
) -> None:
    await deal.adjust(5, "restock")

    counters = await rebuild(deal, allotment=15, revision=9, limit=1, paused=True)

    assert counters.allotment == 15
    stock = (await deal.contents())["stock"]
    assert (stock["revision"], stock["limit"], stock["state"]) == ("9", "1", "PAUSED")
    assert "operations" not in stock


async def test_the_epoch_before_is_refused_after_a_rebuild(deal: Deal) -> None:
    await rebuild(deal)

    with pytest.raises(StaleEpoch) as refused:
        await deal.hold("usr_a", epoch=1)

    assert refused.value.gate_epoch == 2


async def test_a_rebuild_carries_thousands_of_holds_and_orders(open_deal: OpenDeal) -> None:
    deal = await open_deal(allotment=6_000, limit=2)
    for start in range(0, 3_000, 100):
        await asyncio.gather(*(deal.hold(f"usr_{start + number}") for number in range(100)))

    counters = await rebuild(
        deal,
        allotment=6_000,
        sold=1_000,
        claims=[(f"ord_c{number}", f"usr_c{number}", 1, 1) for number in range(1_500)],
        ranks={f"ord_s{number}": 2 for number in range(1_000)},
        bought={f"usr_c{number}": 1 for number in range(1_500)},
    )

    assert (counters.available, counters.held, counters.committed) == (500, 4_500, 1_000)
    found = await deal.contents()
    assert len(found["holds"]) == len(found["due"]) == 3_000
    assert len(found["claims"]) == 2_500
