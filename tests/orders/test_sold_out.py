"""Sold-out memory: what it refuses, what it must not, and that it costs Redis nothing."""

from datetime import timedelta

import pytest

from admission.errors import RateLimited
from admission.limiter import Limiter
from inventory.keys import cart_key
from kit.ids import new_id
from kit.settings import Limits
from orders import sold_out
from orders.errors import DealNotLive, PurchaseLimitReached, SoldOut
from orders.sold_out import LOOK_SECONDS, TRUSTED_SECONDS, SoldOutBoard
from tests.inventory.gates import due
from tests.orders.asking import record
from tests.orders.shop import Shop, buyer


class SetTime:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> SetTime:
    return SetTime()


@pytest.fixture
def board(clock: SetTime) -> SoldOutBoard:
    return SoldOutBoard(now_seconds=clock)


@pytest.fixture
def stopped(shop: Shop, clock: SetTime, monkeypatch: pytest.MonkeyPatch) -> SetTime:
    """The clock of the shop's own board, stopped."""
    monkeypatch.setattr(shop.resources.sold_out, "_now_seconds", clock)
    return clock


async def gone(shop: Shop, **terms: int) -> str:
    """A deal whose one unit somebody holds, as somebody else has just heard."""
    deal_id = await shop.deal(allotment=1, **terms)
    await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
    await refused(shop, deal_id)
    return deal_id


async def refused(shop: Shop, deal_id: str, *, user_id: str = "", key: str | None = None) -> None:
    with pytest.raises(SoldOut) as told:
        await shop.resources.carts.add(
            user_id or buyer(), deal_id=deal_id, quantity=1, key=key, address="an address"
        )
    assert told.value.available == 0


def test_nothing_is_refused_where_nothing_is_known(board: SoldOutBoard) -> None:
    assert not board.refuses("deal_a")
    assert not board.is_sold_out("deal_a")
    board.note("deal_a", 1, 5, 3)
    assert not board.refuses("deal_a")
    board.note("deal_a", 1, 6, 0)
    assert board.refuses("deal_a")
    assert not board.refuses("deal_b")


def test_the_newest_counters_count_by_epoch_and_version(board: SoldOutBoard) -> None:
    board.note("deal_a", 2, 5, 1)
    board.note("deal_a", 2, 4, 0)
    board.note("deal_a", 1, 9, 0)
    assert not board.is_sold_out("deal_a")
    board.note("deal_a", 3, 1, 0)
    assert board.is_sold_out("deal_a", epoch=3)
    assert not board.is_sold_out("deal_a", epoch=4)
    board.note("deal_a", 3, 2, 1)
    assert not board.is_sold_out("deal_a")


def test_one_request_in_a_tenth_of_a_second_looks(board: SoldOutBoard, clock: SetTime) -> None:
    board.note("deal_a", 1, 1, 0)
    looks = 0
    for _ in range(100):
        clock.seconds += LOOK_SECONDS / 10
        is_refused, looks_now = board.refuses("deal_a"), board.takes_turn("deal_a")
        assert is_refused != looks_now
        looks += looks_now
        board.note("deal_a", 1, 1, 0)
    assert 8 <= looks <= 10
    clock.seconds += LOOK_SECONDS
    assert [board.takes_turn("deal_a") for _ in range(3)] == [True, False, False]


def test_what_nobody_confirms_is_forgotten(board: SoldOutBoard, clock: SetTime) -> None:
    board.note("deal_a", 7, 1, 0)
    clock.seconds += TRUSTED_SECONDS / 2
    board.note("deal_a", 6, 1, 0)  # older, as after a restored backup: it confirms nothing
    clock.seconds += TRUSTED_SECONDS / 2
    assert not board.is_sold_out("deal_a")
    assert not board.refuses("deal_a")


def test_gaps_and_changed_terms_are_forgotten(board: SoldOutBoard) -> None:
    for deal_id in ("deal_a", "deal_b", "deal_c"):
        board.stock_changed(deal_id, 1, 1, 0)
    board.product_changed("prod_a")
    board.deal_changed("deal_a")
    assert [board.is_sold_out(f"deal_{one}") for one in "abc"] == [False, True, True]
    board.forget_all()
    assert [board.is_sold_out(f"deal_{one}") for one in "abc"] == [False, False, False]


def test_the_memory_is_bounded(board: SoldOutBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sold_out, "MOST_DEALS", 2)
    for deal_id in ("deal_a", "deal_b", "deal_c"):
        board.note(deal_id, 1, 1, 0)
    assert [board.is_sold_out(f"deal_{one}") for one in "abc"] == [False, True, True]


async def test_a_thousand_refusals_ask_redis_nothing(
    shop: Shop, stopped: SetTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id = await gone(shop)
    before = await calls(shop)
    askings = record(monkeypatch)
    for _ in range(500):
        await refused(shop, deal_id)
    assert askings == []
    for _ in range(500):
        stopped.seconds += LOOK_SECONDS / 250
        await refused(shop, deal_id)
    assert askings == [["EVALSHA"]] * 2
    # What looks run inside counts too.
    assert await calls(shop) - before <= 10


async def calls(shop: Shop) -> int:
    """Commands that were carried out, those inside scripts too, but for news that was held back."""
    stats = await shop.resources.redis.info("commandstats")
    told = ("cmdstat_publish", "cmdstat_info")
    return sum(figures["calls"] for name, figures in stats.items() if name not in told)


async def test_a_key_always_goes_to_the_gate(shop: Shop, stopped: SetTime) -> None:
    deal_id, user_id = await shop.deal(allotment=1), buyer()
    first = await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key="tap")
    await refused(shop, deal_id)
    again = await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key="tap")
    assert again.lines == first.lines
    await refused(shop, deal_id, key="another")
    assert stopped.seconds == 1_000.0


async def test_less_of_what_is_held_goes_to_the_gate(shop: Shop, stopped: SetTime) -> None:
    deal_id, user_id = await shop.deal(allotment=2), buyer()
    await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=2, key=None)
    await refused(shop, deal_id)
    cart = await shop.resources.carts.change(user_id, deal_id=deal_id, quantity=1)
    assert [line.units for line in cart.lines] == [1]
    await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
    assert stopped.seconds == 1_000.0


async def test_more_stock_is_on_sale_at_once(shop: Shop, stopped: SetTime) -> None:
    deal_id = await gone(shop)
    await shop.resources.restocking.adjust_stock(deal_id, 1, reason="a box", actor=buyer())
    await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
    assert stopped.seconds == 1_000.0


async def test_a_paused_deal_is_not_told_as_sold_out(shop: Shop, stopped: SetTime) -> None:
    deal_id = await gone(shop)
    await shop.resources.dealdesk.pause(deal_id)
    shop.resources.sold_out.note(deal_id, 99, 1, 0)
    with pytest.raises(DealNotLive) as told:
        await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
    assert told.value.phase == "PAUSED"
    assert stopped.seconds == 1_000.0


async def test_lapsed_holds_are_back_on_sale_for_whoever_looks_next(
    shop: Shop, stopped: SetTime
) -> None:
    deal_id, holders = await shop.deal(allotment=3), [buyer() for _ in range(3)]
    epoch = (await shop.stock(deal_id)).order[0]
    for holder in holders:
        held = await shop.resources.stock.set_hold(
            deal_id, holder, 1, mode="add", epoch=epoch, operation_id=new_id("req"),
            hold_for=timedelta(milliseconds=300),
        )  # fmt: skip
    await refused(shop, deal_id)
    assert held.hold is not None
    await due(shop.resources.redis, held.hold.deadline_ms)

    await refused(shop, deal_id)  # nobody has looked since
    stopped.seconds += LOOK_SECONDS
    for _ in range(3):
        await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)

    await refused(shop, deal_id)
    assert await shop.counters(deal_id) == (0, 3, 0)


async def test_a_gate_that_does_not_say_is_not_remembered(shop: Shop, stopped: SetTime) -> None:
    deal_id = await gone(shop)
    await shop.resources.redis.flushall()
    await refused(shop, deal_id)
    stopped.seconds += LOOK_SECONDS
    cart = await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=1, key=None)
    assert [line.units for line in cart.lines] == [1]


async def test_a_buyer_who_never_stops_is_refused_without_redis(
    shop: Shop, stopped: SetTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await gone(shop), buyer()
    strict = Limiter(shop.resources.redis, Limits(cart_burst=5))
    monkeypatch.setattr(shop.resources.carts, "_limiter", strict)
    askings = record(monkeypatch)
    for _ in range(5):
        await refused(shop, deal_id, user_id=user_id)
    with pytest.raises(RateLimited) as told:
        await refused(shop, deal_id, user_id=user_id)
    assert 0 < told.value.retry_after_ms <= 10_500
    assert askings == []
    assert stopped.seconds == 1_000.0


async def test_a_refusal_from_memory_leaves_nothing_behind(shop: Shop, stopped: SetTime) -> None:
    deal_id, user_id = await gone(shop), buyer()
    await refused(shop, deal_id, user_id=user_id)
    assert not await shop.resources.redis.exists(cart_key(user_id))
    assert await shop.counters(deal_id) == (0, 1, 0)
    stopped.seconds += TRUSTED_SECONDS  # known no more: the gate says the same, or more exactly
    with pytest.raises((SoldOut, PurchaseLimitReached)):
        await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=9, key=None)


async def test_what_nobody_may_ever_buy_is_refused_as_that_although_the_deal_is_sold_out(
    shop: Shop,
) -> None:
    deal_id = await gone(shop)
    await refused(shop, deal_id, user_id=buyer())
    deal = await shop.resources.dealbook.get(deal_id)
    assert deal is not None
    with pytest.raises(PurchaseLimitReached):
        await shop.resources.carts.add(
            buyer(), deal_id=deal_id, quantity=deal.purchase_limit + 1, key=None
        )
