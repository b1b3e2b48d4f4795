"""Adding: how much is asked for it, and what is counted, whether at once or step by step."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from admission.errors import RateLimited
from admission.limiter import Limiter
from inventory.carts import MOST_DEALS
from inventory.keys import DealKeys, cart_key, request_key
from kit.ids import new_id
from kit.settings import Limits
from orders.errors import (
    HoldLapsed,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    PurchaseLimitReached,
    SoldOut,
    TryLater,
)
from tests.orders.asking import record
from tests.orders.shop import Shop, buyer

both_ways = pytest.mark.usefixtures("either_way")


@pytest.fixture
def address() -> str:
    """As good as one: nobody else is counted with it."""
    return new_id("req")


@pytest.fixture
def strict(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Limiter:
    """Three attempts a buyer, five an address."""
    limiter = Limiter(shop.resources.redis, Limits(cart_burst=3, cart_address_burst=5))
    monkeypatch.setattr(shop.resources.carts, "_limiter", limiter)
    monkeypatch.setattr(shop.resources.carts._adding, "_limiter", limiter)  # noqa: SLF001 - as above
    return limiter


async def attempts(shop: Shop, limiter: Limiter, user_id: str, address: str) -> list[int]:
    """How many attempts Redis counts of the buyer and of the address."""
    found = []
    for key, _ in limiter.subjects("cart", buyer=user_id, address=address):
        known = str(await shop.resources.redis.get(key) or "")
        slices = known.rpartition("|")[2].split(",")
        found.append(sum(int(slice_.partition(":")[2]) for slice_ in slices if slice_))
    return found


@pytest.mark.parametrize("key", [None, "tap"])
async def test_adding_to_an_empty_cart_is_one_script(
    shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    deal_id = await shop.deal()
    await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
    askings = record(monkeypatch)

    cart = await shop.resources.carts.add(
        buyer(), deal_id=deal_id, quantity=2, key=key, address=address
    )

    assert askings == [["EVALSHA"]]
    assert [(line.deal_id, line.units, line.state) for line in cart.lines] == [(deal_id, 2, "HELD")]


async def test_what_else_is_in_the_cart_is_asked_for_in_one_go(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_ids, user_id = [await shop.deal() for _ in range(3)], buyer()
    for deal_id in deal_ids[:2]:
        await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    askings = record(monkeypatch)

    cart = await shop.resources.carts.add(user_id, deal_id=deal_ids[2], quantity=1, key=None)

    assert askings == [["EVALSHA"], ["TIME", "HGET", "HGET"]]
    assert [line.deal_id for line in cart.lines] == deal_ids


async def test_many_buyers_of_one_turn_are_one_write(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=500)
    redis, carts = shop.resources.redis, shop.resources.carts
    await carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
    before = (await redis.info("stats"))["total_reads_processed"]
    await asyncio.gather(
        *(carts.add(buyer(), deal_id=deal_id, quantity=1, key=None) for _ in range(200))
    )
    # 120 KB, of which the server reads 16 KB at a time; then the announcements and the figures.
    assert (await redis.info("stats"))["total_reads_processed"] - before <= 15
    assert await shop.counters(deal_id) == (299, 201, 0)


@both_ways
async def test_the_fourth_attempt_is_refused_whatever_it_asks_and_counts_nothing(
    shop: Shop, strict: Limiter, address: str
) -> None:
    deal_id, user_id, carts = await shop.deal(limit=9), buyer(), shop.resources.carts
    await carts.add(user_id, deal_id=deal_id, quantity=1, key="tap", address=address)
    with pytest.raises(InvalidInput):
        await carts.add(user_id, deal_id=deal_id, quantity=0, key=None, address=address)
    with pytest.raises(NotFound):
        await carts.change(user_id, deal_id=new_id("deal"), quantity=1, address=address)
    for quantity, key in ((1, "tap"), (1, None), (0, None), (1, "")):
        with pytest.raises(RateLimited) as refused:
            await carts.add(user_id, deal_id=deal_id, quantity=quantity, key=key, address=address)
        assert 9_000 < refused.value.retry_after_ms <= 10_500
    with pytest.raises(RateLimited):
        await carts.change(user_id, deal_id=deal_id, quantity=5, address=address)
    assert await attempts(shop, strict, user_id, address) == [3, 3]
    assert await shop.counters(deal_id) == (9, 1, 0)


@both_ways
async def test_what_the_address_refuses_costs_the_buyer_nothing(
    shop: Shop, strict: Limiter, address: str
) -> None:
    deal_id, user_id = await shop.deal(limit=9), buyer()
    for _ in range(5):
        await strict.admit("cart", buyer=None, address=address)
    with pytest.raises(RateLimited):
        await shop.resources.carts.add(
            user_id, deal_id=deal_id, quantity=1, key=None, address=address
        )
    assert await attempts(shop, strict, user_id, address) == [0, 5]
    assert await shop.counters(deal_id) == (10, 0, 0)


@both_ways
async def test_a_refusal_is_an_attempt_and_leaves_nothing_else_behind(
    shop: Shop, strict: Limiter, address: str
) -> None:
    deal_id, user_id, redis = await shop.deal(allotment=1, limit=3), buyer(), shop.resources.redis
    refusals = ((2, None, SoldOut), (2, "tap", SoldOut), (4, "tap", PurchaseLimitReached))
    for quantity, key, refusal in refusals:
        with pytest.raises(refusal):
            await shop.resources.carts.add(
                user_id, deal_id=deal_id, quantity=quantity, key=key, address=address
            )
    assert await attempts(shop, strict, user_id, address) == [3, 3]
    assert not await redis.exists(cart_key(user_id), request_key(user_id, "tap"))
    assert await shop.counters(deal_id) == (1, 0, 0)


@both_ways
async def test_an_attempt_at_a_lost_gate_is_counted_once(
    shop: Shop, strict: Limiter, address: str
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await shop.resources.redis.unlink(*DealKeys(deal_id).all)
    cart = await shop.resources.carts.add(
        user_id, deal_id=deal_id, quantity=2, key="tap", address=address
    )
    assert [line.units for line in cart.lines] == [2]
    assert await attempts(shop, strict, user_id, address) == [1, 1]


@both_ways
async def test_a_full_cart_makes_room_of_what_has_lapsed(
    shop: Shop, strict: Limiter, address: str
) -> None:
    deal_id, user_id, redis = await shop.deal(), buyer(), shop.resources.redis
    held = await shop.deal()
    await shop.resources.carts.add(user_id, deal_id=held, quantity=1, key=None)
    gone = {new_id("deal"): f"{number}|1" for number in range(MOST_DEALS - 1)}
    for lapsed, entry in gone.items():
        await redis.hset(cart_key(user_id), lapsed, entry)
    cart = await shop.resources.carts.add(
        user_id, deal_id=deal_id, quantity=1, key="tap", address=address
    )
    assert [line.deal_id for line in cart.lines] == [held, deal_id]
    assert await redis.hlen(cart_key(user_id)) == 2
    assert await attempts(shop, strict, user_id, address) == [1, 1]


@both_ways
async def test_changing_the_cart_supersedes_its_checkout_even_at_the_second_try(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered, added, user_id = await shop.deal(), await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, ordered)
    carts, tell = shop.resources.carts, shop.resources.carts._adding._supersession  # noqa: SLF001 - see below

    async def lost(*_: object) -> None:
        raise RedisConnectionError("the process died here")

    with monkeypatch.context() as dying:
        dying.setattr(tell, "cart_changed", lost)
        with pytest.raises(RedisConnectionError):
            await carts.add(user_id, deal_id=added, quantity=1, key="tap")
    cart = await carts.add(user_id, deal_id=added, quantity=1, key="tap")

    assert [line.units for line in cart.lines] == [1, 1]
    with pytest.raises(HoldLapsed):
        await shop.place(checkout)
    known = await shop.resources.redis.get(request_key(user_id, "tap"))
    assert str(known).partition("|")[0] == "DONE"
    with pytest.raises(IdempotencyKeyReused):
        await carts.add(user_id, deal_id=added, quantity=2, key="tap")


@both_ways
async def test_a_key_that_was_only_noted_is_done_by_its_repeat(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await shop.resources.redis.set(request_key(user_id, "tap"), f"NOTED|{deal_id}|{deal_id}:1")
    await shop.resources.redis.hset(cart_key(user_id), deal_id, "1|1")
    cart = await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key="tap")
    assert [line.units for line in cart.lines] == [1]
    again = await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key="tap")
    assert again.lines == cart.lines
    assert await shop.counters(deal_id) == (9, 1, 0)


@both_ways
async def test_a_key_that_was_only_noted_is_free_after_a_refusal(shop: Shop) -> None:
    deal_id, user_id, redis = await shop.deal(allotment=1), buyer(), shop.resources.redis
    await redis.set(request_key(user_id, "tap"), f"NOTED|{deal_id}|{deal_id}:2")
    await redis.hset(cart_key(user_id), deal_id, "1|1")
    with pytest.raises(SoldOut):
        await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=2, key="tap")
    assert not await redis.exists(cart_key(user_id), request_key(user_id, "tap"))


async def test_limits_that_cannot_be_read_are_counted_here(
    shop: Shop, strict: Limiter, address: str
) -> None:
    deal_id, user_id = await shop.deal(limit=9), buyer()
    (key, _), _ = strict.subjects("cart", buyer=user_id, address=address)
    await shop.resources.redis.lpush(key, "garbage")
    for _ in range(3):
        await shop.resources.carts.add(
            user_id, deal_id=deal_id, quantity=1, key=None, address=address
        )
    with pytest.raises(RateLimited):
        await shop.resources.carts.add(
            user_id, deal_id=deal_id, quantity=1, key=None, address=address
        )
    assert await shop.counters(deal_id) == (7, 3, 0)


@both_ways
async def test_a_script_that_fails_is_counted_here_and_told_as_an_outage(
    shop: Shop, strict: Limiter, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await shop.deal(), buyer()

    async def lost(*_: object, **__: object) -> None:
        raise RedisConnectionError("gone")

    monkeypatch.setattr(type(shop.resources.redis), "ask_line", lost)
    for _ in range(3):
        with pytest.raises((RedisConnectionError, TryLater), match=r"gone|out of reach"):
            await shop.resources.carts.add(
                user_id, deal_id=deal_id, quantity=1, key=None, address=address
            )
    with pytest.raises(RateLimited):
        await shop.resources.carts.add(
            user_id, deal_id=deal_id, quantity=1, key=None, address=address
        )
    assert strict.for_script(()) == ()
