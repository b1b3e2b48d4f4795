"""The hub passes on what changed to those whom it concerns, and outlives what breaks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

import pytest
from broadcaster import Broadcast
from redis.asyncio import Redis

from auth.errors import Unauthenticated
from auth.seeding import seed_buyers
from auth.sessions import hash_token
from kit.broadcast import RedisPubSub
from kit.redis_client import open_redis
from notifications.announcements import CHANNEL
from runtime.resources import Resources
from subscriptions import hub
from subscriptions.deal_moments import Moment
from tests.orders.shop import Shop, buyer
from tests.subscriptions.listening import Listening, start_hub, until, upcoming, watching


async def test_a_cart_is_told_to_its_buyer_alone(listening: Listening) -> None:
    mine, other = buyer(), buyer()
    async with (
        watching(listening.hub.watch_cart(mine)) as my_cart,
        watching(listening.hub.watch_cart(other)) as other_cart,
    ):
        await upcoming(my_cart)
        await upcoming(other_cart)
        for_other = asyncio.create_task(anext(other_cart))
        await listening.tell(kind="cart", user_id=mine)
        await upcoming(my_cart)
        await listening.has_heard_all()
        assert not for_other.done()
        await listening.tell(kind="cart", user_id=other)
        async with asyncio.timeout(10):
            await for_other


async def test_an_order_is_told_to_its_buyer_alone(listening: Listening) -> None:
    async with (
        watching(listening.hub.watch_order("usr_a", "ord_1")) as order,
        watching(listening.hub.watch_order("usr_b", "ord_1")) as of_somebody_else,
    ):
        await upcoming(order)
        await upcoming(of_somebody_else)
        for_other = asyncio.create_task(anext(of_somebody_else))
        await listening.tell(kind="order", user_id="usr_a", order_id="ord_1")
        await upcoming(order)
        await listening.has_heard_all()
        assert not for_other.done()
        for_other.cancel()
        await asyncio.wait((for_other,))


async def test_ten_changes_of_a_cart_are_one_to_a_slow_reader(listening: Listening) -> None:
    user_id = buyer()
    async with watching(listening.hub.watch_cart(user_id)) as cart:
        await upcoming(cart)
        for _ in range(10):
            await listening.tell(kind="cart", user_id=user_id)
        await listening.has_heard_all()
        await upcoming(cart)
        further = asyncio.create_task(anext(cart))
        await listening.has_heard_all()
        assert not further.done()
        further.cancel()
        await asyncio.wait((further,))


async def test_terms_that_changed_are_forgotten_before_they_are_told(
    listening: Listening, shop: Shop
) -> None:
    deal_id = await shop.deal()
    dealbook = listening.resources.dealbook
    before = await dealbook.get(deal_id)
    assert before is not None
    async with watching(listening.hub.watch_deals()) as deal_ids:
        told = asyncio.create_task(anext(deal_ids))
        await listening.has_heard_all()
        # Another process edits the deal: ours knows nothing of it until it is told.
        await listening.resources.pool.execute(
            "UPDATE deals SET title = 'Tea, by the chest' WHERE id = $1", deal_id
        )
        await dealbook.get(deal_id)
        await listening.tell(kind="deal", deal_id=deal_id)
        async with asyncio.timeout(10):
            assert await told == deal_id
        after = await dealbook.get(deal_id)
        assert after is not None
        assert after.title == "Tea, by the chest"


async def test_a_deal_that_opens_and_ends_by_the_clock_is_told_both_times(
    listening: Listening, shop: Shop
) -> None:
    async with watching(listening.hub.watch_deals()) as deal_ids:
        told: list[str] = []
        reading = asyncio.create_task(_collect(deal_ids, told))
        await listening.has_heard_all()
        deal_id = await shop.deal(starts_in=0.4, ends_in=0.9)
        deal = await listening.resources.dealbook.get(deal_id)
        assert deal is not None
        await until(lambda: told.count(deal_id) == 1)  # created
        await until(lambda: told.count(deal_id) == 2)
        assert deal.starts_at <= listening.resources.clock.now() < deal.ends_at
        await until(lambda: told.count(deal_id) == 3)
        assert listening.resources.clock.now() >= deal.ends_at
        reading.cancel()
        await asyncio.wait((reading,))


async def test_a_deal_that_was_known_before_opens_for_those_who_come_later(
    listening: Listening, shop: Shop
) -> None:
    deal_id = await shop.deal(starts_in=0.5, ends_in=60)
    await listening.has_heard_all()
    async with watching(listening.hub.watch_deals()) as deal_ids, asyncio.timeout(5):
        while await anext(deal_ids) != deal_id:
            pass
    deal = await listening.resources.dealbook.get(deal_id)
    assert deal is not None
    assert listening.resources.clock.now() >= deal.starts_at


async def test_a_deal_that_opens_while_postgres_is_away_is_told_when_it_is_back(
    listening: Listening, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def away(*_: object) -> list[Moment]:
        nonlocal asked
        asked += 1
        raise ConnectionError("postgres is away")

    async with watching(listening.hub.watch_deals()) as deal_ids, asyncio.timeout(20):
        with monkeypatch.context() as patched:
            patched.setattr(hub, "moments_between", away)
            deal_id = await shop.deal(starts_in=0.3, ends_in=60)
            await listening.tell(kind="deal", deal_id=deal_id)
            while await anext(deal_ids) != deal_id:
                pass
            await until(lambda: asked > 0)
            deal = await listening.resources.dealbook.get(deal_id)
            assert deal is not None
            await until(lambda: listening.resources.clock.now() > deal.starts_at)
        while await anext(deal_ids) != deal_id:
            pass


async def test_deals_that_changed_during_a_gap_are_told_after_it(
    listening: Listening, shop: Shop
) -> None:
    deal_id = await shop.deal()
    async with watching(listening.hub.watch_deals()) as deal_ids:
        told: list[str] = []
        reading = asyncio.create_task(_collect(deal_ids, told))
        await listening.has_heard_all()
        told.clear()
        await listening.resources.pool.execute(
            "UPDATE deals SET updated_at = now() WHERE id = $1", deal_id
        )
        await listening.cut_off()
        await until(lambda: deal_id in told)
        reading.cancel()
        await asyncio.wait((reading,))


async def test_carts_and_orders_are_read_anew_after_a_gap(listening: Listening) -> None:
    async with (
        watching(listening.hub.watch_cart("usr_a")) as cart,
        watching(listening.hub.watch_order("usr_a", "ord_1")) as order,
    ):
        await upcoming(cart)
        await upcoming(order)
        await listening.cut_off()
        await upcoming(cart)
        await upcoming(order)


async def test_a_session_that_ended_elsewhere_ends_here(listening: Listening) -> None:
    sessions = listening.resources.sessions
    (token,) = await seed_buyers(listening.resources.pool, buyers=1, session_days=1)
    viewer = await sessions.viewer(token)
    assert viewer.token_hash == hash_token(token)
    await listening.resources.pool.execute(
        "UPDATE sessions SET revoked_at = now() WHERE token_hash = $1", viewer.token_hash
    )
    assert await sessions.viewer(token) == viewer  # from memory, for some seconds
    await listening.tell(kind="session", token_hash=viewer.token_hash.hex())
    await until(lambda: listening.ended == [viewer.token_hash])
    assert not await _signs_in(listening.resources, token)


async def test_what_cannot_be_read_is_skipped(listening: Listening) -> None:
    for message in ("", "[]", "7", '{"kind":"stock"}', '{"kind":"from the future"}', "{"):
        await listening.broadcast.publish(CHANNEL, message)
    await listening.tell(kind="session", token_hash="not hex")
    await listening.tell(kind="order", user_id=None)
    await listening.has_heard_all()


async def test_a_hub_starts_without_redis(resources: Resources) -> None:
    nowhere = "redis://127.0.0.1:1"
    client = open_redis(nowhere, connections=4)
    backend = RedisPubSub(nowhere, publisher=client)
    async with (
        asyncio.timeout(20),
        Broadcast(backend=backend) as broadcast,
        start_hub(resources, broadcast) as started,
        watching(started.hub.watch_cart("usr_a")) as cart,
    ):
        await upcoming(cart)
    await client.aclose()


class BreaksOnce(Broadcast):
    """A broadcast whose first subscription fails."""

    def __init__(self, backend: RedisPubSub) -> None:
        super().__init__(backend=backend)
        self.broke = False

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[object]:  # type: ignore[override] # a context manager is all the hub needs
        if not self.broke:
            self.broke = True
            raise ConnectionError("out of luck")
        return super().subscribe(channel)


async def test_a_reader_that_fails_is_started_again(resources: Resources, redis: Redis) -> None:
    backend = RedisPubSub(resources.settings.redis_url, publisher=redis)
    broadcast = BreaksOnce(backend)
    async with broadcast, start_hub(resources, broadcast) as listening:
        assert broadcast.broke
        await listening.has_heard_all()


async def _collect(deal_ids: AsyncGenerator[str, None], told: list[str]) -> None:
    async for deal_id in deal_ids:
        told.append(deal_id)  # noqa: PERF401 - others look at it meanwhile


async def _signs_in(resources: Resources, token: str) -> bool:
    try:
        await resources.sessions.viewer(token)
    except Unauthenticated:
        return False
    return True
