"""The API's own attempt at a payment intent: it holds no connection, and never waits in vain."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from inventory.carts import CartIndex
from orders.claiming import Claiming
from orders.intents import Intents, OrderKey
from orders.opening import PATIENCE_SECONDS, Opening
from orders.outage import Outage
from orders.placing import PlacedOrder, Placing
from orders.writer import OrderWriter
from payments.gateway import Intent, OpenIntent
from tests.orders.provider import Provider
from tests.orders.shop import Shop, buyer

CONNECTIONS = 3
LIMIT_SECONDS = 15.0


@dataclass
class Hesitating(Provider):
    """A provider that answers when the test lets it; it counts who waits, and tells what it did."""

    order_id: str = ""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    all_wait: asyncio.Event = field(default_factory=asyncio.Event)
    expected: int = 1
    asked: list[str] = field(default_factory=list)
    meanwhile: Callable[[str, str], Any] | None = None

    async def open_intent(self, request: OpenIntent) -> Intent:
        self.asked.append(request.order_id)
        if len(self.asked) == self.expected:
            self.all_wait.set()
        await self.may_answer.wait()
        if self.meanwhile is not None:
            await self.meanwhile(request.user_id, request.order_id)
        return Intent(
            id=f"pi_{request.order_id}",
            status="REQUIRES_PAYMENT",
            amount_minor=request.amount_minor,
            amount_received_minor=0,
            currency=request.currency,
            client_secret="secret",
            failure_message=None,
            order_id=request.order_id,
            user_id=request.user_id,
            created_at=datetime.now(UTC),
        )


def answering(**given: Any) -> Hesitating:
    provider = Hesitating(**given)
    provider.may_answer.set()
    return provider


@asynccontextmanager
async def at(
    shop: Shop, provider: Provider, log: list[str] | None = None
) -> AsyncIterator[tuple[Placing, asyncpg.Pool]]:
    """placeOrder of a process with few connections and this provider; SQL goes into `log`."""
    resources = shop.resources

    async def listen(connection: asyncpg.Connection) -> None:
        if log is not None:
            connection.add_query_logger(lambda record: log.append(record.query))

    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            asyncpg.create_pool(
                resources.settings.database_url,
                min_size=1,
                max_size=CONNECTIONS,
                init=listen,
                reset=lambda _: asyncio.sleep(0),
            )
        )
        writer = await stack.enter_async_context(OrderWriter(pool))
        intents = Intents(pool=pool, gateway=provider)
        outage = Outage(resources.stock, orders_per_second=1_000)
        claiming = Claiming(
            stock=resources.stock,
            gatekeeper=resources.gatekeeper,
            outage=outage,
            abandonment=resources.abandonment,
            dealbook=resources.dealbook,
            clock=resources.clock,
        )
        yield (
            Placing(
                index=CartIndex(resources.redis),
                claiming=claiming,
                outage=outage,
                writer=writer,
                abandonment=resources.abandonment,
                opening=Opening(intents=intents, gateway=provider),
                dealbook=resources.dealbook,
                pool=pool,
                announcer=resources.announcer,
                clock=resources.clock,
                settings=resources.settings,
            ),
            pool,
        )


async def place(shop: Shop, placing: Placing, *deal_ids: str) -> PlacedOrder:
    checkout = await shop.checkout(buyer(), *deal_ids)
    return await placing.order(
        checkout.user_id, checkout_id=checkout.id, key="key", expected_total=checkout.total
    )


async def test_orders_that_wait_for_the_provider_hold_no_connection(shop: Shop) -> None:
    orders = CONNECTIONS + 5
    deal_id = await shop.deal(allotment=orders)
    provider = Hesitating(expected=orders)
    async with at(shop, provider) as (placing, pool), asyncio.timeout(LIMIT_SECONDS):
        placed = [asyncio.create_task(place(shop, placing, deal_id)) for _ in range(orders)]
        await provider.all_wait.wait()
        assert await pool.fetchval("SELECT 1") == 1
        assert pool.get_idle_size() == pool.get_size()
        assert not any(task.done() for task in placed)
        provider.may_answer.set()
        views = [(await task).view for task in placed]
    assert [view.payment.status for view in views if view] == ["REQUIRES_PAYMENT"] * orders


async def test_an_answer_made_of_what_was_written_is_what_is_read(shop: Shop) -> None:
    deals = [await shop.deal() for _ in range(3)]
    async with at(shop, answering()) as (placing, _):
        placed = await place(shop, placing, *deals)
    assert placed.view is not None
    assert placed.view.payment.client_secret == "secret"
    assert placed.view == await shop.read(placed.view.user_id, placed.order_id)


async def test_nobody_waits_for_a_turn_that_comes_too_late(shop: Shop) -> None:
    deals = [await shop.deal() for _ in range(2)]
    provider = answering(wait_seconds=PATIENCE_SECONDS + 0.1)
    async with at(shop, provider) as (placing, _):
        placed = await place(shop, placing, *deals)
    assert provider.asked == []
    assert placed.view is not None
    assert placed.view.payment.status == "OPENING"
    assert placed.view == await shop.read(placed.view.user_id, placed.order_id)
    await shop.work()
    opened = await shop.read(placed.view.user_id, placed.order_id)
    assert opened.payment.status == "REQUIRES_PAYMENT"


async def test_an_order_that_moved_meanwhile_is_read(shop: Shop) -> None:
    provider = answering(meanwhile=shop.resources.settlement.begin_cancelling)
    async with at(shop, provider) as (placing, _):
        placed = await place(shop, placing, await shop.deal())
    assert placed.view is None


async def test_an_impatient_buyer_is_told_to_read_and_the_attempt_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.opening.PATIENCE_SECONDS", 0.0)
    provider = Hesitating()
    async with at(shop, provider) as (placing, pool), asyncio.timeout(LIMIT_SECONDS):
        placed = await place(shop, placing, await shop.deal())
        assert placed.view is None
        provider.may_answer.set()
        while not await pool.fetchval(
            "SELECT EXISTS (SELECT FROM payments WHERE order_id = $1)", placed.order_id
        ):
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("heard", "answered", "kept"),
    [
        ("SUCCEEDED", "REQUIRES_PAYMENT", "SUCCEEDED"),
        ("CANCELLED", "PROCESSING", "CANCELLED"),
        ("REFUNDED", "SUCCEEDED", "REFUNDED"),
        ("PROCESSING", "REQUIRES_PAYMENT", "PROCESSING"),
        ("FAILED", "REQUIRES_PAYMENT", "FAILED"),
        ("PROCESSING", "SUCCEEDED", "SUCCEEDED"),
        ("FAILED", "CANCELLED", "CANCELLED"),
        ("REQUIRES_PAYMENT", "PROCESSING", "PROCESSING"),
    ],
)
async def test_a_late_answer_of_opening_takes_back_nothing_that_was_heard_meanwhile(
    shop: Shop, heard: str, answered: Any, kept: str
) -> None:
    order = await shop.order(buyer(), await shop.deal())
    key = OrderKey(order.user_id, order.id, order.number, order.total)
    pool, provider = shop.resources.pool, Provider(order.id, statuses={"pi_1": "REQUIRES_PAYMENT"})
    intents = Intents(pool=pool, gateway=provider)
    await intents.open(key)
    await pool.execute(
        "UPDATE payments SET status = $2, failure_message = 'heard'"
        " WHERE order_id = $1 AND intent_id = 'pi_1'",
        order.id,
        heard,
    )
    provider.statuses["pi_1"] = answered
    opened = await intents.open(key)
    assert (opened and opened["status"]) == (None if kept == "REFUNDED" else kept)
    recorded = await pool.fetchrow(
        "SELECT status, failure_message FROM payments WHERE order_id = $1 AND intent_id = 'pi_1'",
        order.id,
    )
    assert recorded is not None
    assert tuple(recorded) == (kept, "heard" if kept == heard else None)


async def test_an_order_takes_eight_statements_whatever_its_lines(shop: Shop) -> None:
    log: list[str] = []
    deals = [await shop.deal() for _ in range(3)]
    async with at(shop, answering(), log) as (placing, _):
        await place(shop, placing, deals[0])  # a new connection asks for the types of arrays
        log.clear()
        await place(shop, placing, deals[0])
        few = len(log)
        log.clear()
        await place(shop, placing, *deals)
    # What there is; begin, lock, write, ledger, job, commit; the intent.
    assert (few, len(log)) == (8, 8), log


async def test_sixty_four_orders_at_once_take_few_flushes(shop: Shop) -> None:
    deals = [await shop.deal(allotment=64) for _ in range(3)]
    checkouts = [await shop.checkout(buyer(), *deals) for _ in range(64)]
    async with at(shop, answering()) as (placing, pool):
        before = await flushes(pool)
        await asyncio.gather(
            *(
                placing.order(c.user_id, checkout_id=c.id, key="key", expected_total=c.total)
                for c in checkouts
            )
        )
        taken = await flushes(pool) - before
    assert 1 <= taken <= 7
    assert await shop.rows(deals[0]) == (64, 64, 0)


async def flushes(pool: asyncpg.Pool) -> int:
    """How often sessions have flushed the log, with what those of this pool have not told yet."""
    async with AsyncExitStack() as stack:
        mine = [await stack.enter_async_context(pool.acquire()) for _ in range(CONNECTIONS)]
        for connection in mine:
            await connection.execute("SELECT pg_stat_force_next_flush()")
        return int(
            await mine[0].fetchval(
                "SELECT sum(fsyncs) FROM pg_stat_io"
                " WHERE object = 'wal' AND backend_type = 'client backend'"
            )
        )
