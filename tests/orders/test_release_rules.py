"""A deal's rule puts its safety stock on sale by itself: at its moment, once, while it is live."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from inventory.stock import Counters, Stock
from orders.errors import InvalidInput
from orders.offer import ReleaseRule
from tests.orders.shop import Shop, buyer
from tests.orders.withholding import entries, withheld


async def ruled(shop: Shop, *, allotment: int = 1, withheld: int = 4, **rule: Any) -> str:
    """A deal whose safety stock has a rule; `at` is in seconds from now."""
    deal_id = await shop.deal(allotment=allotment, withheld=withheld)
    await set_rule(shop, deal_id, **rule)
    return deal_id


async def set_rule(
    shop: Shop, deal_id: str, *, when_sold_out: bool = False, at: float | None = None
) -> None:
    moment = None if at is None else shop.resources.clock.now() + timedelta(seconds=at)
    rule = ReleaseRule(when_sold_out=when_sold_out, at=moment)
    await shop.resources.dealdesk.update(deal_id, release=rule)


async def sweep(shop: Shop) -> int:
    return await shop.resources.safety_stock.release_safety_stock()


async def test_a_sold_out_deal_releases_all_that_it_withholds(shop: Shop) -> None:
    deal_id = await ruled(shop, when_sold_out=True)
    assert await sweep(shop) == 0
    assert await shop.counters(deal_id) == (1, 0, 0)
    await shop.order(buyer(), deal_id)
    assert await sweep(shop) == 1
    assert await shop.counters(deal_id) == (4, 1, 0)
    assert await shop.rows(deal_id) == (5, 1, 0)
    assert (await entries(shop, deal_id))[-1] == ("RELEASED", 4, "rule")
    await shop.work()
    await shop.prove(deal_id)


async def test_units_in_carts_make_a_deal_sold_out_for_the_others(shop: Shop) -> None:
    deal_id = await ruled(shop, when_sold_out=True)
    await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
    assert await sweep(shop) == 1
    assert await shop.counters(deal_id) == (4, 1, 0)
    assert await sweep(shop) == 0


async def test_a_time_that_has_come_releases_and_one_to_come_does_not(shop: Shop) -> None:
    due = await ruled(shop, at=-1)
    early = await ruled(shop, at=60)
    assert await sweep(shop) == 1
    assert await shop.counters(due) == (5, 0, 0)
    assert await shop.counters(early) == (1, 0, 0)
    await set_rule(shop, early)  # let go of it: the sweeps of other tests find it otherwise


async def test_five_workers_release_once(shop: Shop) -> None:
    deal_ids = [await ruled(shop, at=-1), await ruled(shop, allotment=0, when_sold_out=True)]
    released = await asyncio.gather(*(sweep(shop) for _ in range(5)))
    assert sum(released) == 2
    await shop.work()
    for deal_id in deal_ids:
        rows = await entries(shop, deal_id)
        assert [row for row in rows if row[0] == "RELEASED"] == [("RELEASED", 4, "rule")]
        await shop.prove(deal_id)


async def test_without_a_rule_units_stay_withheld(shop: Shop) -> None:
    deal_id = await ruled(shop, allotment=0)
    assert await sweep(shop) == 0
    assert await withheld(shop, deal_id) == 4


async def test_a_rule_waits_until_its_deal_is_live(shop: Shop) -> None:
    paused = await ruled(shop, allotment=0, when_sold_out=True)
    await shop.resources.dealdesk.pause(paused)
    scheduled = await shop.deal(allotment=0, withheld=4, starts_in=600)
    await set_rule(shop, scheduled, when_sold_out=True, at=-1)
    ended = await ruled(shop, at=1)
    await shop.resources.dealdesk.end(ended)
    assert await sweep(shop) == 0
    for deal_id in (paused, scheduled, ended):
        assert await withheld(shop, deal_id) == 4
    await shop.resources.dealdesk.resume(paused)
    assert await sweep(shop) == 1
    assert await withheld(shop, paused) == 0
    await set_rule(shop, scheduled)


async def test_a_gate_that_is_lost_says_nothing(shop: Shop) -> None:
    deal_id = await ruled(shop, allotment=0, when_sold_out=True)
    await shop.resources.stock.close(deal_id)
    assert await sweep(shop) == 0
    assert await withheld(shop, deal_id) == 4
    await shop.resources.gatekeeper.ensure_open(deal_id)
    assert await sweep(shop) == 1


async def test_a_gate_of_an_older_epoch_says_nothing(shop: Shop) -> None:
    deal_id = await ruled(shop, allotment=0, when_sold_out=True)
    await shop.resources.pool.execute("UPDATE deals SET epoch = epoch + 1 WHERE id = $1", deal_id)
    assert await sweep(shop) == 0
    assert await withheld(shop, deal_id) == 4
    await set_rule(shop, deal_id)


@pytest.mark.parametrize("word", ["taken back", "paused", "recounted"])
async def test_a_rule_that_says_so_no_longer_does_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    deal_id = await ruled(shop, allotment=0, when_sold_out=True)
    read = shop.resources.stock.read

    async def read_slowly(deal_ids: list[str]) -> dict[str, Counters | None]:
        counters = await read(deal_ids)
        match word:
            case "taken back":
                await set_rule(shop, deal_id)
            case "paused":
                await shop.resources.dealdesk.pause(deal_id)
            case "recounted":
                raised = "UPDATE deals SET epoch = epoch + 1 WHERE id = $1"
                await shop.resources.pool.execute(raised, deal_id)
        return counters

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(shop.resources.stock, "read", read_slowly)
        assert await sweep(shop) == 0
    assert await withheld(shop, deal_id) == 4
    await set_rule(shop, deal_id)


async def test_a_gate_that_is_away_keeps_no_other_rule_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = await ruled(shop, at=-1)
    sold_out = await ruled(shop, allotment=0, when_sold_out=True)

    async def away(*_: object, **__: object) -> dict[str, Counters | None]:
        raise ConnectionError

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Stock, "read", away)
        with pytest.raises(ConnectionError):
            await sweep(shop)
    assert await withheld(shop, due) == 0
    assert await withheld(shop, sold_out) == 4
    assert await sweep(shop) == 1


async def test_more_deals_than_a_page_are_all_released(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.safety_stock._DEALS_AT_A_TIME", 2)
    for number in range(5):
        rule = {"at": -1} if number % 2 else {"when_sold_out": True}
        await ruled(shop, allotment=0, **rule)
    assert await sweep(shop) == 5


async def test_a_rule_that_would_never_come_is_refused(shop: Shop) -> None:
    deal_id = await ruled(shop, at=1_800)
    with pytest.raises(InvalidInput, match="before the deal ends"):
        await set_rule(shop, deal_id, at=3_600)
    sooner = shop.resources.clock.now() + timedelta(seconds=900)
    with pytest.raises(InvalidInput, match="before the deal ends"):
        await shop.resources.dealdesk.update(deal_id, ends_at=sooner)
    rule = await shop.resources.pool.fetchrow(
        "SELECT release_at < ends_at AS comes FROM deals WHERE id = $1", deal_id
    )
    assert rule is not None
    assert rule["comes"]
    await set_rule(shop, deal_id)


async def test_what_else_changes_leaves_the_rule(shop: Shop) -> None:
    deal_id = await ruled(shop, allotment=0, when_sold_out=True)
    await shop.resources.dealdesk.update(deal_id, title="Tea, by the chest")
    assert await sweep(shop) == 1
