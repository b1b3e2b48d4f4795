"""A gate whose keys cannot be read is lost, and mended, and no other deal notices."""

import asyncio
import itertools
from collections.abc import Callable

import pytest
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    OutOfMemoryError,
    ResponseError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from inventory.keys import DealKeys
from inventory.scripts import Call, Scripts, is_unreadable
from inventory.stock import Stock
from orders import reconciliation
from orders.deal_by_deal import deal_by_deal
from orders.drift import DriftClass
from orders.errors import OUT_OF_REACH, HoldLapsed
from tests.orders.damage import first_look, lose_the_gate, open_drift, reconcile, told
from tests.orders.shop import Shop, buyer

PATIENCE_SECONDS = 15.0
NOTE = "the deal's keys in Redis could not be read"
KINDS = ("stock", "holds", "due", "claims", "bought", "unconfirmed")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look follows the first: nothing that is on its way makes a key unreadable."""
    monkeypatch.setattr("orders.reconciliation.SECOND_LOOK_SECONDS", 0.0)
    monkeypatch.setattr("orders.gate_watch.SECOND_LOOK_SECONDS", 0.0)


async def garble(shop: Shop, deal_id: str, kind: str) -> None:
    """Another program's value under one of the deal's keys."""
    key = getattr(DealKeys(deal_id), kind)
    await shop.resources.redis.delete(key)
    await shop.resources.redis.set(key, "x")


async def types(shop: Shop, deal_id: str) -> set[str]:
    return {str(await shop.resources.redis.type(key)) for key in DealKeys(deal_id).all}


async def pass_everything(shop: Shop) -> None:
    """One pass of every sweep that goes to gates."""
    sweeps = shop.resources.sweeps
    for sweep in (
        sweeps.lapse_holds,
        sweeps.open_gates,
        sweeps.repeat_stock,
        sweeps.notice_holds,
        sweeps.release_stale_claims,
        shop.resources.safety_stock.release_safety_stock,
        shop.resources.reconciliation.reconcile_live,
        shop.resources.pruning.close_gates,
    ):
        await sweep()


async def test_a_gate_of_another_type_is_read_as_lost_and_the_others_are_read(shop: Shop) -> None:
    bad, good = await shop.deal(), await shop.deal()
    await garble(shop, bad, "stock")
    counters = await shop.resources.stock.read([bad, good])
    assert counters[bad] is None
    assert counters[good] is not None
    assert (await shop.stock(bad)).available == 10


@pytest.mark.parametrize("kind", KINDS)
async def test_sweeps_repair_both_deals(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    # The deals of all other tests are live, too.
    monkeypatch.setattr(reconciliation, "DEALS_A_PASS", 10_000)
    bad, lost = await shop.deal(), await shop.deal()
    await shop.order(buyer(), bad)
    await garble(shop, bad, kind)
    await lose_the_gate(shop, lost)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "string" in await types(shop, bad) or not (await shop.stock(lost)).version:
            await pass_everything(shop)
            await asyncio.sleep(0.1)
    await shop.work()
    assert await shop.counters(bad) == (9, 1, 0)
    assert await shop.counters(lost) == (10, 0, 0)
    await shop.prove(bad)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_buyer_at_an_unreadable_gate_is_answered_at_once(shop: Shop, kind: str) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await shop.order(buyer(), deal_id)
    await garble(shop, deal_id, kind)
    if kind == "claims":
        # Nobody reads those until the hold becomes one, and the gate is lost with all its holds.
        with pytest.raises(HoldLapsed):
            await shop.order(user_id, deal_id, quantity=2)
    order = await shop.order(user_id, deal_id, quantity=2)
    assert order.status == "PENDING_PAYMENT"
    await shop.work()
    assert await shop.counters(deal_id) == (7, 3, 0)
    await shop.prove(deal_id)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *itertools.product(
            ("epoch", "version", "available", "held"), ("garbage", "inf", "-inf", "nan")
        ),
        ("opens", "garbage"),
        ("limit", "garbage"),
    ],
)
async def test_a_buyer_at_counters_that_are_no_numbers_is_answered(
    shop: Shop, field: str, value: str
) -> None:
    deal_id = await shop.deal()
    await shop.resources.redis.hset(DealKeys(deal_id).stock, field, value)
    await shop.order(buyer(), deal_id)
    assert await shop.counters(deal_id) == (9, 1, 0)
    await shop.prove(deal_id)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("claims", "garbage", "garbage"),
        ("claims", "garbage", "99999999999999999999|0|CLAIMED|usr_x"),
        ("claims", "garbage", "1|0|NOWHERE|usr_x"),
        ("claims", "garbage", b"\xff\xfe"),
        ("holds", "garbage", "garbage"),
        ("holds", "garbage", b"\xff"),
        ("bought", "garbage", "garbage"),
        ("stock", "revision", "garbage"),
        ("stock", "available", "garbage"),
    ],
)
async def test_reconciliation_names_a_field_that_cannot_be_parsed_and_mends_it(
    shop: Shop, kind: str, field: str, value: str | bytes
) -> None:
    deal_id = await shop.deal()
    await shop.order(buyer(), deal_id)
    await shop.work()
    await shop.resources.redis.hset(getattr(DealKeys(deal_id), kind), field, value)
    [drift] = await first_look(shop, deal_id)
    assert (drift.kind, drift.note, drift.mend) == (DriftClass.COUNTER_DRIFT, NOTE, "RECOUNT")
    assert told(await reconcile(shop, deal_id)) == [("COUNTER_DRIFT", 0, True)]
    assert await open_drift(shop, deal_id) == 0
    assert await first_look(shop, deal_id) == []
    assert await shop.counters(deal_id) == (9, 1, 0)
    await shop.prove(deal_id)


@pytest.mark.parametrize("kind", KINDS)
async def test_reconciliation_names_keys_of_another_type_and_mends_them(
    shop: Shop, kind: str
) -> None:
    deal_id = await shop.deal()
    await shop.order(buyer(), deal_id)
    await shop.work()
    await garble(shop, deal_id, kind)
    [drift] = await first_look(shop, deal_id)
    assert (drift.kind, drift.note) == (DriftClass.COUNTER_DRIFT, NOTE)
    assert told(await reconcile(shop, deal_id)) == [("COUNTER_DRIFT", 0, True)]
    assert await shop.counters(deal_id) == (9, 1, 0)
    await shop.prove(deal_id)


async def test_a_claim_that_says_nothing_keeps_holds_and_no_stale_claim_waiting(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=2, key=None)
    keys = DealKeys(deal_id)
    for number in range(3):
        await shop.resources.redis.hset(keys.claims, f"ord_{number}", "garbage")
        await shop.resources.redis.zadd(keys.unconfirmed, {f"ord_{number}": 1})
    await shop.resources.sweeps.release_stale_claims()
    assert await shop.resources.redis.hlen(keys.claims) == 0
    assert [line.units for line in (await shop.resources.carts.read(user_id)).lines] == [2]
    assert await shop.counters(deal_id) == (8, 2, 0)


async def test_a_message_that_meets_an_unreadable_claim_has_the_gate_counted_anew(
    shop: Shop,
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.redis.hset(DealKeys(deal_id).claims, order.id, "garbage")
    await shop.work()
    assert await shop.counters(deal_id) == (9, 1, 0)
    await shop.prove(deal_id)


async def test_a_limit_that_cannot_be_counted_up_does_not_stop_an_order(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    await shop.resources.redis.hset(DealKeys(deal_id).bought, user_id, "garbage")
    order = await shop.read(user_id, await shop.place(checkout))
    assert order.status == "PENDING_PAYMENT"
    await shop.prove(deal_id)


async def test_a_cart_over_two_deals_shows_the_hold_that_can_be_read(shop: Shop) -> None:
    bad, good, user_id = await shop.deal(), await shop.deal(), buyer()
    for deal_id in (bad, good):
        await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    await garble(shop, bad, "holds")
    assert list(await shop.resources.stock.read_holds(user_id, [bad, good])) == [good]


async def test_the_unreadable_gate_of_a_deal_that_is_over_is_removed(shop: Shop) -> None:
    deal_id = await shop.deal()
    await garble(shop, deal_id, "stock")
    await garble(shop, deal_id, "claims")
    assert await shop.resources.stock.close_gate(deal_id)
    assert await types(shop, deal_id) == {"none"}


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("Connection closed by server."),
        RedisTimeoutError("Timeout reading from socket"),
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        ResponseError("MISCONF Redis is configured to save RDB snapshots"),
        ResponseError("BUSY Redis is busy running a script."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_no_key_is_removed_while_the_server_is_in_trouble(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    deal_id = await shop.deal()
    epoch = (await shop.stock(deal_id)).epoch
    await shop.resources.pool.execute(
        "UPDATE deals SET epoch_raised_at = '-infinity' WHERE id = $1", deal_id
    )

    async def fail(_: Scripts, __: Call) -> None:
        raise error

    async def close(_: Stock, __: str) -> None:
        pytest.fail("a key was removed")

    monkeypatch.setattr(Stock, "close", close)
    with monkeypatch.context() as trouble:
        trouble.setattr(Scripts, "run", fail)
        for attempt in (
            shop.resources.gatekeeper.rebuild(deal_id, above=epoch),
            shop.resources.stock.dump(deal_id, most=10),
            shop.resources.stock.close_gate(deal_id),
            shop.resources.stock.lapse_holds(deal_id, limit=1),
        ):
            with pytest.raises(type(error)) as raised:
                await attempt
            assert raised.value is error
    assert not is_unreadable(error)
    counters = (await shop.resources.stock.read([deal_id]))[deal_id]
    assert counters is not None
    assert counters.epoch == epoch


async def fails(error: Callable[[], Exception], at: str, deal_id: str, seen: list[str]) -> int:
    seen.append(deal_id)
    if deal_id == at:
        raise error()
    return 1


async def test_a_pass_goes_on_after_one_deal_in_trouble_and_ends_when_a_store_is_away() -> None:
    seen: list[str] = []
    done = await deal_by_deal(
        "test", ["a", "b", "c"], lambda deal_id: fails(RedisConnectionError, "b", deal_id, seen)
    )
    assert (done, seen) == (2, ["a", "b", "c"])
    seen = []
    with pytest.raises(OUT_OF_REACH):
        await deal_by_deal(
            "test",
            list("abcdefg"),
            lambda deal_id: fails(RedisTimeoutError, deal_id, deal_id, seen),
        )
    assert seen == ["a", "b", "c"]
    seen = []
    done = await deal_by_deal(
        "test", list("abcd"), lambda deal_id: fails(ResponseError, deal_id, deal_id, seen)
    )
    assert (done, seen) == (0, list("abcd"))
