import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from inventory.carts import CART_LIFE, MOST_DEALS, CartIndex, Noted
from inventory.errors import CartFull, KeyReused
from inventory.keys import cart_key, request_key
from kit.ids import new_id

DAY = timedelta(hours=24)


@pytest.fixture
def index(redis: Redis) -> CartIndex:
    return CartIndex(redis)


@pytest.fixture
def user() -> str:
    return new_id("usr")


async def note(
    index: CartIndex, user: str, deal_id: str, key: str | None = None, fingerprint: str = "one"
) -> Noted:
    return await index.note(user, deal_id, key=key, fingerprint=fingerprint, keep_for=DAY)


async def forget(index: CartIndex, user: str, *deal_ids: str) -> None:
    entries = await index.entries(user)
    await index.forget(user, {id_: entries[id_] for id_ in deal_ids if id_ in entries})


async def test_deals_are_listed_in_order_of_adding(index: CartIndex, user: str) -> None:
    for deal_id in ("deal_c", "deal_a", "deal_b", "deal_a"):
        assert await note(index, user, deal_id) == Noted("NEW", None)

    assert await index.deals(user) == ["deal_c", "deal_a", "deal_b"]


async def test_an_unknown_buyer_has_an_empty_cart(index: CartIndex, user: str) -> None:
    assert await index.deals(user) == []


async def test_deals_leave_the_cart(index: CartIndex, user: str) -> None:
    for deal_id in ("deal_a", "deal_b", "deal_c"):
        await note(index, user, deal_id)

    await forget(index, user, "deal_a", "deal_c", "deal_nobody")
    await index.forget(user, {})

    assert await index.deals(user) == ["deal_b"]


async def test_a_key_is_new_then_repeated_then_done(index: CartIndex, user: str) -> None:
    assert (await note(index, user, "deal_a", "key")).state == "NEW"
    assert (await note(index, user, "deal_a", "key")).state == "REPEAT"
    await index.finish_key(user, "key")
    assert (await note(index, user, "deal_a", "key")).state == "DONE"
    await index.finish_key(user, "key")
    assert (await note(index, user, "deal_a", "key")).state == "DONE"


@pytest.mark.parametrize("done", [False, True])
async def test_a_key_with_another_request_is_refused(
    index: CartIndex, redis: Redis, user: str, *, done: bool
) -> None:
    await note(index, user, "deal_a", "key", "deal_a:1")
    if done:
        await index.finish_key(user, "key")
    before = await redis.hgetall(cart_key(user))

    with pytest.raises(KeyReused):
        await note(index, user, "deal_b", "key", "deal_b:1")

    assert await redis.hgetall(cart_key(user)) == before
    assert (await note(index, user, "deal_a", "key", "deal_a:1")).state == (
        "DONE" if done else "REPEAT"
    )


async def test_two_buyers_may_use_the_same_key(index: CartIndex, user: str) -> None:
    await note(index, user, "deal_a", "key", "deal_a:1")

    assert (await note(index, new_id("usr"), "deal_b", "key", "deal_b:1")).state == "NEW"


async def test_fingerprints_may_contain_anything(index: CartIndex, user: str) -> None:
    strange = "a|b|DONE|\n{}%d"
    await note(index, user, "deal_a", "key", strange)

    assert (await note(index, user, "deal_a", "key", strange)).state == "REPEAT"
    with pytest.raises(KeyReused):
        await note(index, user, "deal_a", "key", strange + "|")


async def test_a_refusal_leaves_nothing_behind(index: CartIndex, redis: Redis, user: str) -> None:
    await note(index, user, "deal_a", "key")

    await index.drop_key(user, "key")

    assert await redis.exists(cart_key(user), request_key(user, "key")) == 0
    assert (await note(index, user, "deal_b", "key", "two")).state == "NEW"


async def test_a_refusal_without_a_key_leaves_nothing_behind(
    index: CartIndex, redis: Redis, user: str
) -> None:
    await note(index, user, "deal_a")

    await index.drop_note(user, "deal_a")

    assert await redis.exists(cart_key(user)) == 0


async def test_a_refusal_keeps_a_deal_that_was_in_the_cart_before(
    index: CartIndex, user: str
) -> None:
    await note(index, user, "deal_a", "first")
    await index.finish_key(user, "first")
    await note(index, user, "deal_a", "second")
    await note(index, user, "deal_a")

    await index.drop_key(user, "second")
    await index.drop_note(user, "deal_a")

    assert await index.deals(user) == ["deal_a"]


async def test_a_refusal_keeps_a_deal_that_another_tab_is_adding(
    index: CartIndex, user: str
) -> None:
    await note(index, user, "deal_a", "first")
    await note(index, user, "deal_a", "second")
    await index.finish_key(user, "second")

    await index.drop_key(user, "first")

    assert await index.deals(user) == ["deal_a"]


async def test_a_deal_noted_anew_after_it_was_forgotten_survives_an_older_refusal(
    index: CartIndex, user: str
) -> None:
    await note(index, user, "deal_a", "first")
    await forget(index, user, "deal_a")
    await note(index, user, "deal_a", "second")
    await index.finish_key(user, "second")

    await index.drop_key(user, "first")

    assert await index.deals(user) == ["deal_a"]


async def test_two_refusals_of_one_deal_take_it_out(index: CartIndex, user: str) -> None:
    await note(index, user, "deal_a", "first")
    await note(index, user, "deal_a", "second")
    await note(index, user, "deal_a", "second")

    await index.drop_key(user, "first")
    await index.drop_key(user, "second")

    assert await index.deals(user) == []


async def test_a_late_refusal_does_not_undo_a_success(index: CartIndex, user: str) -> None:
    await note(index, user, "deal_a", "key")
    await index.finish_key(user, "key")

    await index.drop_key(user, "key")

    assert (await note(index, user, "deal_a", "key")).state == "DONE"
    assert await index.deals(user) == ["deal_a"]


async def test_a_deal_that_another_tab_forgot_is_back_when_its_hold_succeeds(
    index: CartIndex, user: str
) -> None:
    await note(index, user, "deal_a", "key")
    await forget(index, user, "deal_a")

    await index.finish_key(user, "key")

    assert await index.deals(user) == ["deal_a"]


async def test_finishing_or_dropping_an_unknown_key_writes_nothing(
    index: CartIndex, redis: Redis, user: str
) -> None:
    await index.finish_key(user, "key")
    await index.drop_key(user, "key")

    assert await redis.exists(cart_key(user), request_key(user, "key")) == 0


async def test_a_cart_takes_fifty_deals(index: CartIndex, redis: Redis, user: str) -> None:
    await index.propose_checkout(user, "chk_1")
    for number in range(MOST_DEALS):
        await note(index, user, f"deal_{number}")
    before = await redis.hgetall(cart_key(user))

    with pytest.raises(CartFull) as refused:
        await note(index, user, "deal_more", "key")

    assert refused.value.most == 50
    assert await redis.hgetall(cart_key(user)) == before
    assert await redis.exists(request_key(user, "key")) == 0
    assert (await note(index, user, "deal_7")).state == "NEW"


async def test_a_note_tells_the_open_checkout(index: CartIndex, user: str) -> None:
    await note(index, user, "deal_a")
    assert await index.propose_checkout(user, "chk_1") == "chk_1"

    assert (await note(index, user, "deal_b", "key")).open_checkout == "chk_1"
    assert await index.deals(user) == ["deal_a", "deal_b"]


async def test_one_checkout_is_open_at_a_time(index: CartIndex, user: str) -> None:
    proposed = await asyncio.gather(
        *(index.propose_checkout(user, f"chk_{number}") for number in range(20))
    )

    assert len(set(proposed)) == 1


async def test_only_the_open_checkout_can_be_cleared(index: CartIndex, user: str) -> None:
    await index.propose_checkout(user, "chk_1")

    await index.clear_checkout(user, "chk_2")
    assert await index.propose_checkout(user, "chk_3") == "chk_1"

    await index.clear_checkout(user, "chk_1")
    await index.clear_checkout(user, "chk_1")
    assert await index.propose_checkout(user, "chk_3") == "chk_3"


async def test_carts_and_keys_are_forgotten_in_the_end(
    index: CartIndex, redis: Redis, user: str
) -> None:
    await note(index, user, "deal_a", "key")
    await index.finish_key(user, "key")

    cart_ms = await redis.pttl(cart_key(user))
    key_ms = await redis.pttl(request_key(user, "key"))

    assert 0 < cart_ms <= CART_LIFE // timedelta(milliseconds=1)
    assert 0 < key_ms <= DAY // timedelta(milliseconds=1)


async def test_a_cart_that_began_with_its_checkout_is_forgotten_too(
    index: CartIndex, redis: Redis, user: str
) -> None:
    await index.propose_checkout(user, "chk_1")

    assert await redis.pttl(cart_key(user)) > 0


async def test_a_deal_that_was_noted_again_is_not_forgotten(index: CartIndex, user: str) -> None:
    """One tab orders what it held, while another adds the same deal anew."""
    await note(index, user, "deal_a")
    seen = await index.entries(user)
    await note(index, user, "deal_a")
    await index.forget(user, seen)
    assert await index.deals(user) == ["deal_a"]
    await index.forget(user, await index.entries(user))
    assert await index.deals(user) == []
