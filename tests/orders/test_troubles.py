"""What a review found could go wrong: each stays mended."""

import asyncio
from typing import Any

import asyncpg
import pytest

from kit.money import Money
from orders import jobs
from orders.batch import place_batch
from orders.drafts import Draft, Placed
from orders.errors import OUT_OF_REACH, TryLater
from orders.intents import Intents
from orders.writer import MOST_IN_A_BATCH, OrderWriter
from payments.errors import ProviderUnreachable
from tests.orders.provider import Provider, forget_intents, settlement_with
from tests.orders.shop import ACTOR, Shop, buyer
from tests.orders.test_writer import draft


async def test_units_wait_for_an_intent_that_nobody_here_had_heard_of(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await forget_intents(shop, order.id)
    provider = Provider(
        order.id,
        statuses={"pi_1": "REQUIRES_PAYMENT", "pi_2": "REQUIRES_PAYMENT"},
        unreachable_once={"pi_2"},
    )
    settlement = settlement_with(shop, provider)
    await settlement.begin_cancelling(user_id, order.id)
    with pytest.raises(ProviderUnreachable):
        await settlement.settle(user_id, order.id)
    assert (await shop.read(user_id, order.id)).status == "CANCELLING"
    assert await shop.rows(deal_id) == (10, 1, 0)
    await settlement.settle(user_id, order.id)
    assert set(provider.statuses.values()) == {"CANCELLED"}
    assert (await shop.read(user_id, order.id)).status == "CANCELLED"
    assert await shop.rows(deal_id) == (10, 0, 0)


async def test_an_intent_that_cannot_be_found_may_still_move_money(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    provider = Provider(order.id, statuses={"pi_other": "CANCELLED"})
    settlement = settlement_with(shop, provider)
    await settlement.begin_cancelling(user_id, order.id)
    provider.unreachable_once = {order.payment.intent_id or ""}
    with pytest.raises(ProviderUnreachable):
        await settlement.settle(user_id, order.id)
    assert await shop.rows(deal_id) == (10, 1, 0)


async def test_an_order_whose_intent_is_refused_ends_without_one(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await forget_intents(shop, order.id)
    settlement = settlement_with(shop, Provider(order.id, refuses_to_open=True))
    await settlement.settle(user_id, order.id)
    refused = await shop.read(user_id, order.id)
    assert (refused.status, refused.payment.status) == ("PENDING_PAYMENT", "CANCELLED")
    assert refused.payment.failure_message == "At least 50 cents."
    await settlement.begin_cancelling(user_id, order.id)
    await settlement.settle(user_id, order.id)
    assert (await shop.read(user_id, order.id)).status == "CANCELLED"
    assert await shop.rows(deal_id) == (10, 0, 0)


async def test_a_second_capture_goes_back_and_the_sale_stands(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await forget_intents(shop, order.id)
    provider = Provider(order.id, statuses={"pi_1": "SUCCEEDED"})
    intents = Intents(pool=shop.resources.pool, gateway=provider)
    settlement = settlement_with(shop, provider)
    await settlement.settle(user_id, order.id, intent_id="pi_1")
    provider.statuses["pi_2"] = "SUCCEEDED"
    for _ in range(3):
        await settlement.settle(user_id, order.id, intent_id="pi_2")
    staged = await shop.resources.pool.fetchval(
        "SELECT count(*) FROM pgqueuer WHERE entrypoint = $1", jobs.REFUND
    )
    assert staged == 1
    key = await shop.resources.handlers._key(user_id, order.id)  # noqa: SLF001 - the job's own
    assert key is not None
    await intents.refund(key, intent_id="pi_2", amount_minor=1_500)
    await settlement.settle(user_id, order.id)
    paid = await shop.read(user_id, order.id)
    assert (paid.status, paid.payment.intent_id) == ("PAID", "pi_1")
    assert await shop.rows(deal_id) == (10, 1, 1)


async def test_a_writer_that_closes_answers_whom_it_has_accepted(shop: Shop) -> None:
    accepted = [await draft(shop, await shop.deal()) for _ in range(3)]
    async with OrderWriter(shop.resources.pool) as writer:
        callers = [asyncio.create_task(writer.submit(each)) for each in accepted]
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        outcomes = await asyncio.gather(*callers)
    assert outcomes == [Placed(each.order_id, fresh=True) for each in accepted]
    with pytest.raises(TryLater):
        await writer.submit(accepted[0])


async def test_a_writer_that_has_to_stop_answers_those_behind_its_batch(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.writer.CLOSING_SECONDS", 0.0)
    deal_id = await shop.deal(allotment=100)
    drafts = [await draft(shop, deal_id) for _ in range(MOST_IN_A_BATCH + 6)]
    pool = shop.resources.pool
    async with asyncio.timeout(5), pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM deals WHERE id = $1 FOR UPDATE", deal_id)
        async with OrderWriter(pool) as writer:
            callers = [asyncio.create_task(writer.submit(each)) for each in drafts]
            while not await other.fetchval(
                "SELECT EXISTS (SELECT FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
            ):
                await asyncio.sleep(0)
        answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(answer) for answer in answers] == [TryLater] * len(drafts)
    assert await shop.rows(deal_id) == (100, 0, 0)


async def test_a_server_that_shuts_down_in_mid_batch_is_asked_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = await draft(shop, await shop.deal())

    async def commit_then_shut_down(
        connection: asyncpg.Connection, drafts: list[Draft], *, look_first: bool
    ) -> list[object]:
        await place_batch(connection, drafts, look_first=look_first)
        raise asyncpg.AdminShutdownError("terminating connection due to administrator command")

    monkeypatch.setattr("orders.writer.place_batch", commit_then_shut_down)
    async with OrderWriter(shop.resources.pool) as writer:
        assert await writer.submit(placed) == Placed(placed.order_id, fresh=True)


async def test_polling_does_not_pile_up_jobs(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    for _ in range(4):
        await shop.resources.pool.execute(
            "UPDATE orders SET checked_at = now() - interval '1 hour' WHERE id = $1", order.id
        )
        await shop.resources.sweeps.poll_payments()
    waiting = await shop.resources.pool.fetchval(
        "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'settle' AND dedupe_key = $1",
        f"settle:{order.id}",
    )
    assert waiting == 1


async def test_jobs_that_could_not_even_ask_for_a_repeat_are_queued_again(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.pay(order)
    await shop.resources.settlement.settle(user_id, order.id)
    pool = shop.resources.pool
    await pool.execute("UPDATE pgqueuer SET status = 'failed'")
    assert await shop.resources.sweeps.requeue_failed() > 0
    assert await pool.fetchval("SELECT count(*) FROM pgqueuer WHERE status = 'failed'") == 0
    await shop.work()
    assert await shop.counters(deal_id) == (9, 0, 1)


async def test_lowering_whose_commit_went_unanswered_is_counted_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id = await shop.deal(allotment=10)
    restocking = shop.resources.restocking
    record = restocking._lower_record  # noqa: SLF001 - the connection is lost inside

    async def commit_then_lose(*given: Any, **named: Any) -> None:
        await record(*given, **named)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    monkeypatch.setattr(restocking, "_lower_record", commit_then_lose)
    with pytest.raises(OUT_OF_REACH):
        await restocking.adjust_stock(deal_id, -4, reason="moth", actor=ACTOR)
    assert await shop.rows(deal_id) == (6, 0, 0)
    assert await shop.counters(deal_id) == (6, 0, 0)
    await shop.prove(deal_id)


async def test_a_hold_that_races_an_order_stays_in_the_cart(shop: Shop) -> None:
    """One tab places the order while another adds the same deal again."""
    for _ in range(10):
        deal_id, user_id = await shop.deal(limit=5), buyer()
        checkout = await shop.checkout(user_id, deal_id)
        carts = shop.resources.carts
        await asyncio.gather(
            shop.place(checkout),
            carts.add(user_id, deal_id=deal_id, quantity=2, key=None),
            return_exceptions=True,
        )
        held = (await shop.stock(deal_id)).held
        ordered = await shop.resources.pool.fetchval(
            "SELECT coalesce(sum(quantity), 0) FROM order_lines WHERE user_id = $1", user_id
        )
        in_cart = sum(line.units for line in (await carts.read(user_id)).lines)
        assert in_cart == held - ordered


async def test_no_line_is_too_dear_to_be_added_up(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(limit=5_000, allotment=9_000, price=20_000), buyer()
    with pytest.raises(Exception, match="At most 2000"):
        await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=2_001, key=None)
    checkout = await shop.checkout(user_id, deal_id, quantity=2_000)
    assert checkout.total == Money(40_000_000, "USD")
