"""What has to happen because time passed: holds lapse, orders expire, silence is broken."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.queries import Queries
from redis.exceptions import RedisError

from inventory.errors import GateUnreadable
from inventory.stock import Stock
from kit.clock import Clock, from_ms
from kit.settings import Settings
from notifications import notices
from notifications.announcements import Announcer
from notifications.messages import HoldLapsing
from orders import jobs
from orders.abandonment import Abandonment
from orders.deal_by_deal import deal_by_deal
from orders.dealbook import DealBook
from orders.errors import NotFound, TryLater
from orders.gatekeeper import Gatekeeper
from payments.events import requeue_unhandled

log = structlog.get_logger()

# What one pass takes on; the next pass takes the rest.
MOST_HOLDS = 500
MOST_ORDERS = 200
# A claim whose order is this late belongs to a process that died (protocol rule 2).
CLAIM_PATIENCE = timedelta(seconds=30)
# Clocks of hosts differ by less; what lies further ahead was written by a clock that had jumped.
CLOCKS_APART = timedelta(minutes=1)
# No job is ever staged, or repeated, for later than this.
LATEST_JOB = timedelta(minutes=10)
# A deal's holds and orders outlive its end by less than this.
AFTERLIFE = timedelta(hours=2)


class Sweeps:
    """Each method is one pass: bounded, repeatable, safe beside another worker's pass."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        stock: Stock,
        gatekeeper: Gatekeeper,
        dealbook: DealBook,
        abandonment: Abandonment,
        announcer: Announcer,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._pool = pool
        self._stock = stock
        self._gatekeeper = gatekeeper
        self._dealbook = dealbook
        self._abandonment = abandonment
        self._announcer = announcer
        self._clock = clock
        self._notice = timedelta(seconds=settings.hold_notice_seconds)
        self._poll_after = timedelta(seconds=settings.poll_payment_seconds)

    async def lapse_holds(self) -> int:
        """Give due holds back to the stock, and tell their buyers; how many lapsed."""
        return await self._at_each("lapse_holds", self._lapse_holds)

    async def notice_holds(self) -> int:
        """Stage the notice "your hold is about to lapse", once per hold; how many were staged."""
        return await self._at_each("notice_holds", self._notice_holds)

    async def expire_orders(self) -> int:
        """Start expiring unpaid orders whose time is up; their units are freed by settlement.

        An order from the future was placed while a clock was ahead: it gets its time from now on.
        """
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "UPDATE orders SET payment_due_at = $1::timestamptz + (payment_due_at - placed_at),"
                " placed_at = $1, updated_at = now()"
                " WHERE status = 'PENDING_PAYMENT' AND payment_due_at > $2 AND placed_at > $2",
                now,
                now + CLOCKS_APART,
            )
            due = await connection.fetch(
                "SELECT user_id, id FROM orders"
                " WHERE status = 'PENDING_PAYMENT' AND payment_due_at <= $1"
                " ORDER BY payment_due_at LIMIT $2 FOR UPDATE SKIP LOCKED",
                now,
                MOST_ORDERS,
            )
            # Each by its key: a join with so many at once would read all orders.
            await connection.executemany(
                "UPDATE orders SET status = 'EXPIRING', updated_at = now()"
                " WHERE user_id = $1 AND id = $2",
                [(row["user_id"], row["id"]) for row in due],
            )
            await self._stage_settling(connection, due)
        for row in due:
            self._announcer.order(row["user_id"], row["id"])
        return len(due)

    async def poll_payments(self) -> int:
        """Ask the provider about orders in transit of which nothing was heard for a while."""
        async with self._pool.acquire() as connection, connection.transaction():
            now = self._clock.now()
            silent = await connection.fetch(
                "SELECT user_id, id FROM orders"
                " WHERE status IN ('PENDING_PAYMENT', 'CANCELLING', 'EXPIRING', 'REFUND_PENDING')"
                "   AND (checked_at <= $1 OR checked_at > $2)"
                " ORDER BY checked_at LIMIT $3 FOR UPDATE SKIP LOCKED",
                now - self._poll_after,
                now + CLOCKS_APART,
                MOST_ORDERS,
            )
            await connection.executemany(
                "UPDATE orders SET checked_at = $3 WHERE user_id = $1 AND id = $2",
                [(row["user_id"], row["id"], now) for row in silent],
            )
            await self._stage_settling(connection, silent)
        return len(silent)

    async def release_stale_claims(self) -> int:
        """Give up claims whose order never came (protocol rule 2); how many were given up."""
        return await self._at_each("release_stale_claims", self._release_stale_claims)

    async def requeue_failed(self) -> int:
        """Queue jobs again that were parked because even asking for a repeat had failed.

        That happens while Postgres is away: nothing that was staged may be lost by it.
        """
        queries = Queries(AsyncpgPoolDriver(self._pool))
        parked = await queries.list_failed_jobs(limit=MOST_ORDERS)
        if parked:
            log.warning("jobs_requeued", jobs=len(parked))
            await queries.requeue_jobs([job.id for job in parked])
        return len(parked)

    async def requeue_events(self) -> int:
        """Queue events of the inbox again whose job is gone; how many."""
        async with self._pool.acquire() as connection:
            lost = await requeue_unhandled(connection, limit=MOST_ORDERS)
        if lost:
            log.warning("events_requeued", events=lost)
        return lost

    async def wake_jobs(self) -> int:
        """Let jobs run that were staged while the clock of Postgres was ahead; how many."""
        woken = await self._pool.fetch(
            "UPDATE pgqueuer SET execute_after = now()"
            " WHERE status = 'queued' AND execute_after > now() + $1::interval RETURNING id",
            LATEST_JOB,
        )
        if woken:
            log.warning("jobs_woken", jobs=len(woken))
        return len(woken)

    async def open_gates(self) -> int:
        """Open the gate of every deal that is not over and whose gate is lost, or was passed by.

        One that orders passed by is of an older epoch than its deal (decision 7), and a quiet deal
        has no buyer who would notice. How many were opened.
        """
        epochs = {row["id"]: row["epoch"] for row in await self._active()}
        counters = await self._stock.read(list(epochs)) if epochs else {}
        opened = 0
        for deal_id, epoch in epochs.items():
            found = counters.get(deal_id)
            if found is None or found.epoch < epoch:
                opened += 1
                await self._open_gate(deal_id)
        return opened

    async def repeat_stock(self) -> int:
        """Tell the counters of active deals once more, so that a lost message heals by itself."""
        deal_ids = [row["id"] for row in await self._active()]
        counters = await self._stock.read(deal_ids) if deal_ids else {}
        for found in counters.values():
            if found is not None:
                self._gatekeeper.repeat(found)
        return len(counters)

    async def _at_each(self, sweep: str, once: Callable[[str], Awaitable[int]]) -> int:
        """Do something at the gate of every active deal; one that cannot be read is counted anew.

        A deal in trouble is left to the next pass.
        """
        epochs = {row["id"]: row["epoch"] for row in await self._active()}

        async def at_one(deal_id: str) -> int:
            try:
                return await once(deal_id)
            except GateUnreadable:
                await self._gatekeeper.recount(deal_id, above=epochs[deal_id])
                return 0

        return await deal_by_deal(sweep, list(epochs), at_one)

    async def _lapse_holds(self, deal_id: str) -> int:
        answer = await self._stock.lapse_holds(deal_id, limit=MOST_HOLDS)
        if answer is None or not answer.lapsed:
            return 0
        self._gatekeeper.announce(answer.counters)
        for buyer_id in answer.lapsed:
            self._announcer.cart(buyer_id)
        return len(answer.lapsed)

    async def _notice_holds(self, deal_id: str) -> int:
        due = await self._stock.due_soon(deal_id, within=self._notice, limit=MOST_HOLDS)
        deal = await self._dealbook.get(deal_id) if due else None
        if deal is None:
            return 0
        staged = 0
        for buyer_id, deadline_ms in due:
            hold = (await self._stock.read_holds(buyer_id, [deal_id])).get(deal_id)
            if hold is None:
                continue
            notice = HoldLapsing(
                title=deal.title, quantity=hold.units, lapses_at=from_ms(deadline_ms)
            )
            fact = f"hold_lapsing:{deal_id}:{deadline_ms}"
            async with self._pool.acquire() as connection, connection.transaction():
                staged += await notices.stage(connection, buyer_id, fact, notice)
        return staged

    async def _release_stale_claims(self, deal_id: str) -> int:
        stale = await self._stock.stale_claims(
            deal_id, older_than=CLAIM_PATIENCE, limit=MOST_ORDERS
        )
        return sum(
            [
                await self._abandonment.abandon(user_id, order_id, [(deal_id, units)])
                for order_id, user_id, units in stale
            ]
        )

    async def _open_gate(self, deal_id: str) -> None:
        try:
            await self._gatekeeper.ensure_open(deal_id)
        except (NotFound, TryLater, RedisError, OSError) as error:
            log.warning("gate_not_opened", deal_id=deal_id, error=repr(error))

    async def _active(self) -> list[asyncpg.Record]:
        """Deals that can have holds: those not over, and those over for less than a while."""
        rows: list[asyncpg.Record] = await self._pool.fetch(
            "SELECT id, epoch FROM deals WHERE ends_at > $1 ORDER BY ends_at",
            self._clock.now() - AFTERLIFE,
        )
        return rows

    async def _stage_settling(
        self, connection: asyncpg.pool.PoolConnectionProxy, rows: Sequence[asyncpg.Record]
    ) -> None:
        await jobs.stage_many(
            connection,
            jobs.SETTLE,
            [{"user_id": row["user_id"], "order_id": row["id"]} for row in rows],
            once=[f"settle:{row['id']}" for row in rows],
        )
