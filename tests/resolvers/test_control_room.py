"""The control room through the schema: a sale at a glance, for operators alone."""

import asyncio
from typing import Any

import pytest

from admission.tally import Tally
from auth.sessions import hash_token
from graph.errors import present_errors
from kit.clock import iso_ms
from orders.control_room import ControlRoom
from orders.drift import Drift, DriftBook, DriftClass
from orders.errors import GateOutOfReach, TryLater
from runtime.resources import Resources
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker, journey
from tests.resolvers.counting import CountingPool
from tests.resolvers.test_subscriptions import refusal

LIMIT_SECONDS = 10.0
ENDS_SOON = 600  # so that it comes before the deals of other tests


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orders.control_room.FRESH_SECONDS", 0)
    monkeypatch.setattr("orders.control_room.REST_FACTOR", 0)


@pytest.fixture(autouse=True)
async def nobody_else(resources: Resources) -> None:
    """Processes of other tests are no processes of these."""
    await resources.tally.flush(sockets=None)
    await resources.redis.delete("{tally}:seen", "{tally}:sockets")


async def look(operator: Asker) -> dict[str, Any]:
    room: dict[str, Any] = await operator.run("ControlRoom")
    return room


def by(name: str, counts: list[dict[str, Any]]) -> dict[str, int]:
    return {each[name]: each["count"] for each in counts}


def floor(room: dict[str, Any], deal_id: str) -> dict[str, Any]:
    (found,) = (deal for deal in room["deals"] if deal["dealId"] == deal_id)
    return dict(found)


async def test_orders_are_counted_by_status_from_the_first_to_the_last(
    operator: Asker, alice: Asker, shop: Shop
) -> None:
    before = by("status", (await look(operator))["orders"])
    deal_id = await shop.deal(limit=5)
    paid = await shop.order(alice.user_id, deal_id)
    await shop.order(alice.user_id, deal_id)
    await shop.pay(paid)
    await shop.resources.settlement.settle(alice.user_id, paid.id)
    room = await look(operator)
    after = by("status", room["orders"])
    assert [each["status"] for each in room["orders"]] == [
        "PENDING_PAYMENT",
        "CANCELLING",
        "CANCELLED",
        "EXPIRING",
        "EXPIRED",
        "PAID",
        "REFUND_PENDING",
        "REFUNDED",
        "UNDER_REVIEW",
    ]
    assert {status: after[status] - before[status] for status in after} == {
        **dict.fromkeys(after, 0),
        "PAID": 1,
        "PENDING_PAYMENT": 1,
    }
    assert room["asOf"] <= iso_ms(shop.resources.clock.now())


async def test_drift_is_told_by_class_found_and_open(operator: Asker, shop: Shop) -> None:
    before = {each["class"]: each for each in (await look(operator))["drift"]}
    assert list(before) == [kind.value for kind in DriftClass]
    deal_id = await shop.deal()
    drift = Drift(DriftClass.LOST_HOLD, "RECOUNT", "of a test", deal_id=deal_id)
    book = shop.resources.driftbook
    for found, is_open in ((1, 1), (1, 0)):
        if is_open:
            await book.record([drift])
        else:
            await book.close_gone(deal_id, [])
        after = {each["class"]: each for each in (await look(operator))["drift"]}
        assert after == {
            **before,
            "LOST_HOLD": {
                "class": "LOST_HOLD",
                "found": before["LOST_HOLD"]["found"] + found,
                "open": before["LOST_HOLD"]["open"] + is_open,
            },
        }


async def test_a_deal_tells_what_it_withholds_and_whom_it_turned_away(
    operator: Asker, alice: Asker, bob: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=3, limit=2, withheld=4, ends_in=ENDS_SOON)
    wanted = {"dealId": deal_id, "quantity": 2}
    await alice.run("AddToCart", input=wanted)
    assert (await alice.run("AddToCart", input=wanted))["code"] == "PURCHASE_LIMIT_REACHED"
    for _ in range(2):
        assert (await bob.run("AddToCart", input=wanted))["code"] == "SOLD_OUT"
    await shop.resources.redis.zadd(f"{{deal:{deal_id}}}:due", {alice.user_id: 1})
    await shop.resources.stock.lapse_holds(deal_id, limit=16)
    assert (await alice.run("Checkout"))["code"] == "HOLD_LAPSED"
    await shop.resources.dealdesk.pause(deal_id)
    assert (await bob.run("AddToCart", input=wanted))["code"] == "DEAL_NOT_LIVE"
    await shop.resources.tally.flush(sockets=3)

    room = await look(operator)
    deal = floor(room, deal_id)
    assert (deal["safetyStock"], deal["refused"]) == (4, 5)
    assert by("code", deal["refusals"]) == {
        "SOLD_OUT": 2,
        "PURCHASE_LIMIT_REACHED": 1,
        "DEAL_NOT_LIVE": 1,
        "HOLD_LAPSED": 1,
    }
    assert (room["processes"], room["sockets"]) == (1, 3)


@pytest.mark.parametrize("of_deal", [True, False])
async def test_try_later_counts_for_its_deal_when_it_is_about_one(
    operator: Asker, alice: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch, *, of_deal: bool
) -> None:
    deal_id = await shop.deal(ends_in=ENDS_SOON)
    busy = TryLater(retry_after_ms=1, reason="busy")

    async def away(*_: object, **__: object) -> None:
        raise GateOutOfReach(deal_id) if of_deal else busy

    monkeypatch.setattr(shop.resources.gatekeeper, "at_gate", away)
    refused = await alice.run("AddToCart", input={"dealId": deal_id, "quantity": 1})
    assert refused["code"] == "TRY_LATER"
    await shop.resources.tally.flush(sockets=0)
    deal = floor(await look(operator), deal_id)
    assert by("code", deal["refusals"]) == ({"TRY_LATER": 1} if of_deal else {})


async def test_what_other_processes_count_is_in_the_sum(operator: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(ends_in=ENDS_SOON)
    for sockets in (10, 20):
        process = Tally(shop.resources.redis)
        process.refused(deal_id, "SOLD_OUT")
        process.refused(deal_id, "OF_A_NEWER_VERSION")
        await process.flush(sockets=sockets)
    room = await look(operator)
    assert (room["processes"], room["sockets"]) == (2, 30)
    deal = floor(room, deal_id)
    assert (deal["refused"], by("code", deal["refusals"])) == (4, {"SOLD_OUT": 2})


async def test_deals_are_there_until_a_day_after_their_end(
    operator: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The deals of all other tests are in sight, too.
    monkeypatch.setattr("orders.control_room.MOST_DEALS", 1_000_000)
    hour = 3_600
    live = await shop.deal(ends_in=60)
    scheduled = await shop.deal(starts_in=30, ends_in=61)
    paused = await shop.deal(ends_in=62)
    await shop.resources.dealdesk.pause(paused)
    ended = await shop.deal(starts_in=-48 * hour, ends_in=-23 * hour)
    gone = await shop.deal(starts_in=-48 * hour, ends_in=-25 * hour)
    shown = [deal["dealId"] for deal in (await look(operator))["deals"]]
    assert [id_ for id_ in shown if id_ in (live, scheduled, paused, ended, gone)] == [
        live,
        scheduled,
        paused,
        ended,
    ]


async def test_however_many_look_it_is_read_once(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.control_room.FRESH_SECONDS", 3_600)
    pool: Any = CountingPool(resources.pool)
    clock = resources.clock
    driftbook = DriftBook(pool=pool, clock=clock)
    room = ControlRoom(pool=pool, driftbook=driftbook, tally=resources.tally, clock=clock)
    views = await asyncio.gather(*(room.look() for _ in range(20)))
    assert pool.fetched == 3
    assert all(view is views[0] for view in views)


async def test_a_slow_look_is_kept_for_longer(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.control_room.REST_FACTOR", 1_000_000)
    room = ControlRoom(
        pool=resources.pool,
        driftbook=resources.driftbook,
        tally=resources.tally,
        clock=resources.clock,
    )
    assert await room.look() is await room.look()


async def test_the_room_is_for_operators_alone(anybody: Asker, alice: Asker) -> None:
    for name in ("ControlRoom", "AllOrders"):
        assert await anybody.code(journey()[name]) == "UNAUTHENTICATED"
        assert await alice.code(journey()[name]) == "FORBIDDEN"
    assert await refusal(anybody, "ControlRoomChanged") == "UNAUTHENTICATED"
    assert await refusal(alice, "ControlRoomChanged") == "FORBIDDEN"


async def test_the_room_is_told_now_and_again_and_again(
    operator: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.control_room.BEAT_SECONDS", 0.01)
    async with operator.subscribe("ControlRoomChanged") as stream:
        first = await stream.next()
        deal_id = await shop.deal(ends_in=60)
        assert deal_id not in {deal["dealId"] for deal in first["deals"]}
        async with asyncio.timeout(LIMIT_SECONDS):
            later = await stream.next()
            while deal_id not in {deal["dealId"] for deal in later["deals"]}:
                later = await stream.next()
    assert later["asOf"] > first["asOf"]


async def code_of_end(stream: Any) -> str:
    """The code with which a stream ends that had told something before."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            result = await anext(stream.results)
            if result.errors:
                (error,) = present_errors(result.errors, request_id="req")
                code: str = error["extensions"]["code"]
                assert [each async for each in stream.results] == []
                return code


async def test_who_is_no_operator_any_more_is_told_nothing_more(
    operator: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.control_room.BEAT_SECONDS", 0.01)
    sessions = shop.resources.sessions
    token = operator.token or ""
    async with operator.subscribe("ControlRoomChanged") as stream:
        await stream.next()
        await shop.resources.pool.execute(
            "UPDATE users SET role = 'BUYER' WHERE id = $1", operator.user_id
        )
        sessions.drop(hash_token(token))
        assert await code_of_end(stream) == "FORBIDDEN"


async def test_who_signs_out_is_told_nothing_more(
    operator: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.control_room.BEAT_SECONDS", 0.01)
    async with operator.subscribe("ControlRoomChanged") as stream:
        await stream.next()
        await shop.resources.sessions.revoke(hash_token(operator.token or ""))
        assert await code_of_end(stream) == "UNAUTHENTICATED"


async def test_an_outage_is_a_pause_and_no_end(
    operator: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.control_room.BEAT_SECONDS", 0.01)
    room = shop.resources.control_room
    look_, outages = room.look, iter([ConnectionRefusedError(), ConnectionRefusedError()])

    async def late() -> Any:
        for outage in outages:
            raise outage
        return await look_()

    async with operator.subscribe("ControlRoomChanged") as stream:
        first = await stream.next()
        monkeypatch.setattr(room, "look", late)
        assert (await stream.next())["asOf"] > first["asOf"]
        assert (await stream.next())["asOf"] > first["asOf"]
    assert next(outages, None) is None


async def test_who_joins_those_that_look_gets_the_present_alone(
    operator: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.control_room.BEAT_SECONDS", LIMIT_SECONDS)
    async with operator.subscribe("ControlRoomChanged") as stream:
        operator.contexts[-1].present_only = True
        async with asyncio.timeout(LIMIT_SECONDS / 2):
            assert len([each async for each in stream.results]) == 1
    event = operator.contexts[-1].event
    assert event is not None
    assert event.key == "control room"
