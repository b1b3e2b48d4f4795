"""The hub passes stock on: present first, then newer only, the newest to the slow."""

import asyncio

from broadcaster import Broadcast
from redis.asyncio import Redis

from kit.broadcast import RedisPubSub
from kit.ids import new_id
from runtime.resources import Resources
from tests.orders.shop import Shop, buyer
from tests.subscriptions.listening import Listening, start_hub, upcoming, watching


async def test_the_present_stock_of_each_deal_comes_first(listening: Listening, shop: Shop) -> None:
    deal_ids = [await shop.deal(allotment=3), await shop.deal(allotment=4)]
    async with watching(listening.hub.watch_stock([*deal_ids, new_id("deal")])) as stocks:
        views = [await upcoming(stocks), await upcoming(stocks)]
    assert {view.deal_id: view.available for view in views} == dict(
        zip(deal_ids, (3, 4), strict=True)
    )


async def test_a_hold_anywhere_is_pushed(listening: Listening, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=3)
    async with watching(listening.hub.watch_stock([deal_id])) as stocks:
        first = await upcoming(stocks)
        await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=2, key=None)
        second = await upcoming(stocks)
    assert (second.available, second.held) == (1, 2)
    assert second.order > first.order


async def test_what_is_older_is_never_passed_on(listening: Listening, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=9)
    async with watching(listening.hub.watch_stock([deal_id])) as stocks:
        first = await upcoming(stocks)
        await listening.tell_stock(first, version=first.version + 5, available=4, held=5)
        assert (await upcoming(stocks)).available == 4
        await listening.tell_stock(first, version=first.version + 5, available=0, held=9)
        await listening.tell_stock(first, version=first.version + 3, available=6, held=3)
        await listening.tell_stock(first, version=first.version + 6, available=3, held=6)
        assert (await upcoming(stocks)).version == first.version + 6


async def test_a_new_epoch_is_newer_whatever_its_version(listening: Listening, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=9)
    async with watching(listening.hub.watch_stock([deal_id])) as stocks:
        first = await upcoming(stocks)
        high = await listening.tell_stock(first, version=first.version + 1_000)
        assert (await upcoming(stocks)).order == high.order
        rebuilt = await listening.tell_stock(first, epoch=first.epoch + 1, version=1)
        assert (await upcoming(stocks)).order == rebuilt.order
        await listening.tell_stock(first, version=first.version + 2_000)
        later = await listening.tell_stock(first, epoch=first.epoch + 1, version=2)
        assert (await upcoming(stocks)).order == later.order


async def test_a_slow_reader_skips_to_the_newest_of_each_deal(
    listening: Listening, shop: Shop
) -> None:
    deal_ids = [await shop.deal(allotment=99), await shop.deal(allotment=99)]
    async with watching(listening.hub.watch_stock(deal_ids)) as stocks:
        firsts = [await upcoming(stocks), await upcoming(stocks)]
        for step in range(1, 51):
            for first in firsts:
                await listening.tell_stock(
                    first, version=first.version + step, available=99 - step, held=step
                )
        await listening.has_heard_all()
        assert [(await upcoming(stocks)).available for _ in firsts] == [49, 49]
        last = await listening.tell_stock(firsts[0], version=firsts[0].version + 51)
        assert (await upcoming(stocks)).order == last.order


async def test_a_second_watcher_begins_with_the_newest_that_is_known(
    listening: Listening, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=9)
    async with watching(listening.hub.watch_stock([deal_id])) as stocks:
        first = await upcoming(stocks)
        newest = await listening.tell_stock(first, version=first.version + 7)
        await upcoming(stocks)
        async with watching(listening.hub.watch_stock([deal_id])) as others:
            assert (await upcoming(others)).order == newest.order


async def test_stock_that_changed_during_a_gap_is_read_anew(
    listening: Listening, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=3)
    async with watching(listening.hub.watch_stock([deal_id])) as stocks:
        first = await upcoming(stocks)
        # At the gate, and told to nobody.
        await shop.resources.stock.adjust_stock(
            deal_id, 2, epoch=first.epoch, operation_id=new_id("req")
        )
        await listening.cut_off()
        assert (await upcoming(stocks)).allotment == 5
        # And what is told from then on is heard again.
        told = await listening.tell_stock(first, epoch=first.epoch + 1)
        assert (await upcoming(stocks)).order == told.order


async def test_nothing_is_kept_of_deals_that_nobody_watches(
    listening: Listening, shop: Shop
) -> None:
    deal_id = await shop.deal()
    async with watching(listening.hub.watch_stock([deal_id])) as stocks:
        first = await upcoming(stocks)
    await listening.tell_stock(first, version=first.version + 1)
    await listening.has_heard_all()
    assert listening.hub.known_stocks == 0


async def test_a_thousand_watchers_are_told_of_one_announcement(
    listening: Listening, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=5)
    watches = [listening.hub.watch_stock([deal_id]) for _ in range(1_000)]
    firsts = await asyncio.gather(*(upcoming(watch) for watch in watches))
    told = await listening.tell_stock(firsts[0], version=firsts[0].version + 1)
    seconds = await asyncio.gather(*(upcoming(watch) for watch in watches))
    assert {view.order for view in seconds} == {told.order}
    for watch in watches:
        await watch.aclose()
    assert listening.hub.known_stocks == 0


async def test_changes_of_a_deal_are_conflated_but_selling_out_and_coming_back_are_not(
    resources: Resources, redis: Redis, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=9)
    backend = RedisPubSub(resources.settings.redis_url, publisher=redis)
    async with (
        Broadcast(backend=backend) as broadcast,
        start_hub(resources, broadcast, changes_per_second=0.01) as listening,
        watching(listening.hub.watch_stock([deal_id])) as stocks,
    ):
        first = await upcoming(stocks)
        for step, available in enumerate((8, 7, 0, 0, 2, 1), start=1):
            await listening.tell_stock(
                first, version=first.version + step, available=available, held=9 - available
            )
            await listening.has_heard_all()
            if available in (0, 2) and step != 4:
                assert (await upcoming(stocks)).version == first.version + step
        waiting = asyncio.create_task(upcoming(stocks))
        await listening.has_heard_all()
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait((waiting,))
