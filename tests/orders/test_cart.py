"""The cart: what is added is held, once, within the limit, and never beyond the stock."""

import asyncio

import pytest

from kit.ids import new_id
from orders.errors import (
    CartEmpty,
    DealNotLive,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    PurchaseLimitReached,
    SoldOut,
)
from tests.orders.shop import ACTOR, Shop, buyer

pytestmark = pytest.mark.usefixtures("either_way")


async def test_adding_holds_units_and_tells_until_when(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=5), buyer()
    cart = await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=2, key=None)
    assert [(line.deal_id, line.units, line.state) for line in cart.lines] == [(deal_id, 2, "HELD")]
    left = cart.lines[0].expires_at - shop.resources.clock.now()
    assert 0 < left.total_seconds() <= shop.resources.settings.hold_seconds
    assert await shop.counters(deal_id) == (3, 2, 0)


async def test_adding_more_does_not_move_the_deadline(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    first = await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    second = await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    assert second.lines[0].units == 2
    assert second.lines[0].expires_at == first.lines[0].expires_at


async def test_the_last_unit_goes_to_one_of_two_hundred_buyers(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=1)

    async def try_it() -> str:
        try:
            await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
        except SoldOut as refusal:
            return f"{refusal.available} left"
        return "held"

    answers = await asyncio.gather(*(try_it() for _ in range(200)))
    assert sorted(answers) == ["0 left"] * 199 + ["held"]
    assert await shop.counters(deal_id) == (0, 1, 0)


async def test_the_limit_counts_over_tabs_and_earlier_orders(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(limit=2), buyer()
    await shop.order(user_id, deal_id)
    await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    with pytest.raises(PurchaseLimitReached) as refused:
        await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    assert (refused.value.limit, refused.value.already_yours) == (2, 2)
    assert await shop.counters(deal_id) == (8, 2, 0)


async def test_a_key_has_one_effect(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(limit=5), buyer()
    carts = shop.resources.carts
    for _ in range(3):
        cart = await carts.add(user_id, deal_id=deal_id, quantity=2, key="tap")
        assert cart.lines[0].units == 2
    with pytest.raises(IdempotencyKeyReused):
        await carts.add(user_id, deal_id=deal_id, quantity=1, key="tap")
    assert await shop.counters(deal_id) == (8, 2, 0)


async def test_a_key_repeated_at_once_has_one_effect(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(limit=50), buyer()
    carts = shop.resources.carts
    await asyncio.gather(
        *(carts.add(user_id, deal_id=deal_id, quantity=1, key="tap") for _ in range(20))
    )
    assert await shop.counters(deal_id) == (9, 1, 0)


async def test_a_refusal_leaves_its_key_free(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=1), buyer()
    carts = shop.resources.carts
    other = buyer()
    await carts.add(other, deal_id=deal_id, quantity=1, key=None)
    with pytest.raises(SoldOut):
        await carts.add(user_id, deal_id=deal_id, quantity=1, key="tap")
    await carts.remove(other, deal_id=deal_id)
    cart = await carts.add(user_id, deal_id=deal_id, quantity=1, key="tap")
    assert cart.lines[0].units == 1


async def test_changing_sets_and_zero_removes(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    carts = shop.resources.carts
    await carts.add(user_id, deal_id=deal_id, quantity=2, key=None)
    assert (await carts.change(user_id, deal_id=deal_id, quantity=1)).lines[0].units == 1
    assert (await carts.change(user_id, deal_id=deal_id, quantity=0)).lines == []
    assert await shop.counters(deal_id) == (10, 0, 0)
    with pytest.raises(NotFound):
        await carts.remove(user_id, deal_id=deal_id)


@pytest.mark.parametrize("quantity", [0, -1])
async def test_a_quantity_below_one_is_no_quantity(shop: Shop, quantity: int) -> None:
    deal_id = await shop.deal()
    with pytest.raises(InvalidInput) as refused:
        await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=quantity, key=None)
    assert refused.value.field == "quantity"
    assert await shop.counters(deal_id) == (10, 0, 0)


@pytest.mark.parametrize("deal_id", ["deal_1", "../../etc", "\x00", new_id("deal"), new_id("ord")])
async def test_a_deal_that_is_not_there_is_not_found(shop: Shop, deal_id: str) -> None:
    with pytest.raises(NotFound):
        await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)


@pytest.mark.parametrize(
    ("starts_in", "ends_in", "phase"), [(60, 120, "SCHEDULED"), (-120, -60, "ENDED")]
)
async def test_a_deal_outside_its_window_takes_no_holds(
    shop: Shop, starts_in: float, ends_in: float, phase: str
) -> None:
    deal_id = await shop.deal(starts_in=starts_in, ends_in=ends_in)
    with pytest.raises(DealNotLive) as refused:
        await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
    assert refused.value.phase == phase
    assert refused.value.starts_at < refused.value.ends_at
    assert await shop.counters(deal_id) == (10, 0, 0)


async def test_a_paused_deal_takes_no_holds_until_it_is_resumed(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await shop.resources.dealdesk.pause(deal_id)
    with pytest.raises(DealNotLive) as refused:
        await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    assert refused.value.phase == "PAUSED"
    await shop.resources.dealdesk.resume(deal_id)
    await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    assert await shop.counters(deal_id) == (9, 1, 0)


async def test_a_forgotten_gate_is_rebuilt_from_postgres_and_the_sale_goes_on(shop: Shop) -> None:
    deal_id, ordered, unpaid = await shop.deal(), buyer(), buyer()
    order = await shop.order(ordered, deal_id)
    await shop.resources.carts.add(unpaid, deal_id=deal_id, quantity=1, key=None)
    before = await shop.stock(deal_id)
    await shop.resources.redis.flushall()
    cart = await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=2, key=None)
    assert cart.lines[0].units == 2
    assert (await shop.resources.carts.read(unpaid)).lines == []
    assert await shop.counters(deal_id) == (7, 3, 0)
    assert (await shop.stock(deal_id)).order > before.order
    assert (await shop.read(ordered, order.id)).status == "PENDING_PAYMENT"
    await shop.work()
    await shop.prove(deal_id)


async def test_stock_is_raised_and_lowered_but_never_below_what_is_held(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=2, key=None)
    desk = shop.resources.restocking
    await desk.adjust_stock(deal_id, 3, reason="found a box", actor=ACTOR)
    assert await shop.counters(deal_id) == (6, 2, 0)
    with pytest.raises(InvalidInput):
        await desk.adjust_stock(deal_id, -7, reason="lost more than there is", actor=ACTOR)
    await desk.adjust_stock(deal_id, -6, reason="lost the box", actor=ACTOR)
    assert await shop.counters(deal_id) == (0, 2, 0)
    assert await shop.rows(deal_id) == (2, 0, 0)
    await shop.work()
    await shop.prove(deal_id)


async def test_a_refused_deal_does_not_enter_the_cart(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=1), buyer()
    for key in (None, "tap"):
        with pytest.raises(SoldOut):
            await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=2, key=key)
    with pytest.raises(CartEmpty):
        await shop.resources.checkouts.begin(user_id)
