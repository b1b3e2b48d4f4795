"""Withheld units go on sale by an operator's word: once, and never more than there are."""

from typing import Any

import pytest

from inventory.stock import Counters, GateSnapshot, Stock
from orders import dealdesk, gate_snapshot
from orders.errors import InvalidInput, NotFound
from orders.giving import Gift, hand_over
from orders.proof import prove_deals
from tests.orders.shop import ACTOR, Shop, buyer
from tests.orders.withholding import entries, withheld


async def release(shop: Shop, deal_id: str, units: int) -> None:
    await shop.resources.safety_stock.release(deal_id, units, actor=ACTOR)


async def test_withheld_units_are_entered_and_not_for_sale(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5, withheld=4)
    assert await entries(shop, deal_id) == [("OPENED", 5, ACTOR), ("WITHHELD", 4, ACTOR)]
    assert await shop.counters(deal_id) == (5, 0, 0)
    assert await shop.rows(deal_id) == (5, 0, 0)
    assert await withheld(shop, deal_id) == 4
    await shop.prove(deal_id)


async def test_released_units_can_be_bought_at_once(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=1, withheld=4)
    await shop.order(buyer(), deal_id)
    await release(shop, deal_id, 3)
    assert await shop.counters(deal_id) == (3, 1, 0)
    assert await withheld(shop, deal_id) == 1
    await shop.order(buyer(), deal_id, quantity=2)
    await shop.work()
    assert await shop.counters(deal_id) == (1, 3, 0)
    assert await shop.rows(deal_id) == (4, 3, 0)
    assert ("RELEASED", 3, ACTOR) in await entries(shop, deal_id)
    await shop.prove(deal_id)


async def test_the_gate_counts_a_release_once_whoever_tells_it(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=2, withheld=3)
    await release(shop, deal_id, 3)
    assert await shop.counters(deal_id) == (5, 0, 0)
    assert await shop.work() == 1
    assert await shop.counters(deal_id) == (5, 0, 0)


async def test_a_gate_that_is_away_hears_of_a_release_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id = await shop.deal(allotment=2, withheld=3)

    async def away(*_: object, **__: object) -> Counters:
        raise ConnectionError

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Stock, "adjust_stock", away)
        await release(shop, deal_id, 3)
    assert await shop.counters(deal_id) == (2, 0, 0)
    assert await shop.rows(deal_id) == (5, 0, 0)
    await shop.work()
    assert await shop.counters(deal_id) == (5, 0, 0)


async def test_a_gate_rebuilt_since_has_counted_a_release_already(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id = await shop.deal(allotment=2, withheld=3)

    async def away(*_: object, **__: object) -> Counters:
        raise ConnectionError

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Stock, "adjust_stock", away)
        await release(shop, deal_id, 3)
    counters = (await shop.resources.stock.read([deal_id]))[deal_id]
    assert counters is not None
    await shop.resources.gatekeeper.recount(deal_id, above=counters.epoch)
    await shop.work()
    assert await shop.counters(deal_id) == (5, 0, 0)


async def test_units_released_in_mid_rebuild_are_counted_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id = await shop.deal(allotment=2, withheld=3)
    counters = (await shop.resources.stock.read([deal_id]))[deal_id]
    assert counters is not None
    read_snapshot = gate_snapshot.read_snapshot
    gifts: list[Gift] = []

    async def keep(gift: Gift, **_: object) -> None:
        gifts.append(gift)

    async def release_first(*given: Any) -> GateSnapshot | None:
        await release(shop, deal_id, 3)
        return await read_snapshot(*given)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("orders.safety_stock.hand_over", keep)
        meanwhile.setattr("orders.gatekeeper.read_snapshot", release_first)
        await shop.resources.gatekeeper.recount(deal_id, above=counters.epoch)
    (gift,) = gifts
    assert gift.epoch == counters.epoch + 1
    await hand_over(gift, stock=shop.resources.stock, gatekeeper=shop.resources.gatekeeper)
    assert await shop.counters(deal_id) == (5, 0, 0)
    assert await shop.work() == 1
    assert await shop.counters(deal_id) == (5, 0, 0)


@pytest.mark.parametrize("units", [-1, 0, 5, 2_000_000_000])
async def test_no_more_is_released_than_is_withheld(shop: Shop, units: int) -> None:
    deal_id = await shop.deal(allotment=2, withheld=4)
    before = await entries(shop, deal_id)
    with pytest.raises(InvalidInput) as refused:
        await release(shop, deal_id, units)
    assert (refused.value.field, refused.value.message) == (
        "units",
        "1 to 4 units: what is withheld.",
    )
    assert await entries(shop, deal_id) == before
    assert await withheld(shop, deal_id) == 4
    assert await shop.counters(deal_id) == (2, 0, 0)
    assert await shop.work() == 0


async def test_withheld_units_count_for_the_most_that_a_deal_may_have(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=1, withheld=9_999_998)
    with pytest.raises(InvalidInput, match="at most 10000000 units"):
        await shop.resources.restocking.adjust_stock(deal_id, 2, reason="found", actor=ACTOR)
    await shop.resources.restocking.adjust_stock(deal_id, 1, reason="found", actor=ACTOR)
    await release(shop, deal_id, 9_999_998)
    assert await shop.rows(deal_id) == (10_000_000, 0, 0)


async def test_what_is_released_is_released_for_good(shop: Shop) -> None:
    deal_id = await shop.deal(withheld=2)
    await release(shop, deal_id, 2)
    with pytest.raises(InvalidInput, match="No units"):
        await release(shop, deal_id, 1)
    assert await shop.rows(deal_id) == (12, 0, 0)


@pytest.mark.parametrize("deal_id", ["deal_", "nonsense", "deal_01jzzzzzzzzzzzzzzzzzzzzzzz"])
async def test_a_deal_that_is_not_there_releases_nothing(shop: Shop, deal_id: str) -> None:
    with pytest.raises(NotFound):
        await release(shop, deal_id, 1)


async def test_units_withheld_before_they_were_entered_are_entered_late(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealdesk, "OPENING_NOTE", "created")
    deal_id = await shop.deal(allotment=2)
    await shop.resources.pool.execute(
        "UPDATE deal_stock SET safety_stock = 5 WHERE deal_id = $1", deal_id
    )
    await release(shop, deal_id, 2)
    await release(shop, deal_id, 3)
    assert await entries(shop, deal_id) == [
        ("OPENED", 2, ACTOR),
        ("WITHHELD", 5, ACTOR),
        ("RELEASED", 2, ACTOR),
        ("RELEASED", 3, ACTOR),
    ]
    (proof,) = [proof async for proof in prove_deals(shop.resources.pool, deal_id)]
    assert proof.holds
