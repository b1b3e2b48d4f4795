"""The world of one run of the machine: a shop of its own, whose time and Redis can be harmed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import asyncpg
import httpx
import orjson

from kit.ids import new_id
from kit.money import Money
from orders import jobs
from orders.checkout import CheckoutView
from orders.offer import NewDeal, ReleaseRule
from payments.events import Event, receive
from payments.gateway import Intent
from runtime.resources import Resources
from tests.machine.memory import Memory
from tests.machine.seams import Seams
from tests.orders.shop import Shop

Handler = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Offer:
    """What one deal of a world has to sell."""

    units: int
    safety_stock: int
    release_when_sold_out: bool


@dataclass
class World:
    """Two deals, three buyers, and everything that has happened to them."""

    shop: Shop
    seams: Seams
    memory: Memory
    provider: httpx.AsyncClient  # with the merchant's key
    product_id: str
    deals: list[str] = field(default_factory=list)
    buyers: list[str] = field(default_factory=list)
    limit: int = 0
    checkouts: list[CheckoutView] = field(default_factory=list)
    answered: dict[str, str] = field(default_factory=dict)
    """Order id -> buyer, of every placeOrder that was answered."""
    outage_believed: bool = False
    harmed: bool = False
    """Whether Redis ever lost, or was out of reach with, something of this run."""
    astray: bool = False
    """Whether only reconciliation can tell what a gate should say: its memory was altered without
    a trace, or somebody who had taken units from it was cut off before Postgres knew."""

    @property
    def resources(self) -> Resources:
        return self.shop.resources

    @property
    def pool(self) -> asyncpg.Pool:
        return self.shop.resources.pool

    async def open(self, offers: list[Offer], limit: int) -> None:
        """A fresh world: nothing in the queue, deals that are open for long."""
        await self.pool.execute("DELETE FROM pgqueuer")
        self.limit = limit
        self.buyers = [new_id("usr") for _ in range(3)]
        now = self.resources.clock.now()
        for offer in offers:
            new = NewDeal(
                product_id=self.product_id,
                title="Tea, by the tin",
                price=Money(1_500, "USD"),
                list_price=Money(2_000, "USD"),
                starts_at=now - timedelta(days=1),
                ends_at=now + timedelta(days=30),
                allotment=offer.units,
                safety_stock=offer.safety_stock,
                purchase_limit=limit,
                release=ReleaseRule(when_sold_out=offer.release_when_sold_out),
            )
            self.deals.append(await self.resources.dealdesk.create(new, actor="machine"))
        self.memory.deals, self.memory.buyers = self.deals, self.buyers

    async def close(self) -> None:
        """Leave nothing behind that sweeps of other tests would look at."""
        await self.pool.execute("DELETE FROM pgqueuer")
        await self.pool.execute(
            "UPDATE deals SET starts_at = starts_at - interval '1 year',"
            " ends_at = ends_at - interval '1 year' WHERE id = ANY ($1)",
            self.deals,
        )
        await self.memory.forget()

    # Time

    async def grow_older(self, by: timedelta) -> None:
        """Make everything older: the clocks of Redis and of the provider cannot be moved."""
        await self.pool.execute(
            "UPDATE checkouts SET expires_at = expires_at - $2::interval WHERE user_id = ANY ($1)",
            self.buyers,
            by,
        )
        await self.pool.execute(
            "UPDATE orders SET placed_at = placed_at - $2::interval,"
            " payment_due_at = payment_due_at - $2::interval,"
            " checked_at = checked_at - $2::interval, updated_at = updated_at - $2::interval"
            " WHERE user_id = ANY ($1)",
            self.buyers,
            by,
        )
        await self.memory.grow_older(by)

    async def a_moment_later(self) -> None:
        """Steps of the machine are far enough apart that no rebuild waits for an earlier one."""
        await self.pool.execute(
            "UPDATE deals SET epoch_raised_at = '-infinity'"
            " WHERE id = ANY ($1) AND epoch_raised_at > '-infinity'",
            self.deals,
        )

    async def epoch(self, deal_id: str) -> int:
        """The epoch in Postgres."""
        return cast(
            "int", await self.pool.fetchval("SELECT epoch FROM deals WHERE id = $1", deal_id)
        )

    # Orders and money

    async def orders(self, *statuses: str) -> list[asyncpg.Record]:
        """The orders of this world, the oldest first; all of them where no status is named."""
        return await self.pool.fetch(
            "SELECT * FROM orders WHERE user_id = ANY ($1)"
            " AND (status = ANY ($2) OR cardinality($2::text[]) = 0) ORDER BY id",
            self.buyers,
            list(statuses),
        )

    def intents(self) -> list[Intent]:
        """Every intent that the provider opened for an order of this world."""
        return sorted(
            (one for one in self.seams.intents.values() if one.user_id in self.buyers),
            key=lambda one: (one.order_id or "", one.created_at, one.id),
        )

    async def pay(self, intent: Intent, card: str) -> None:
        """As the buyer's page does; an intent that has ended refuses."""
        await self.provider.post(
            f"/v1/payment_intents/{intent.id}/confirm",
            data={"client_secret": intent.client_secret or "", "payment_method": card},
            headers={"Authorization": ""},
        )

    async def ask_sandbox(self, path: str, **body: Any) -> None:
        """One of the sandbox's own controls."""
        answer = await self.provider.post(path, json=body)
        assert answer.status_code < 500, answer.text  # what it refuses is no news

    async def books(self) -> dict[str, list[dict[str, Any]]]:
        """The provider's books, of all tests."""
        answer = await self.provider.get("/sandbox/ledger")
        return cast("dict[str, list[dict[str, Any]]]", answer.json())

    async def hear_of(self, intent: Intent, *, off_minor: int = 0) -> None:
        """The provider's event about a payment reaches the inbox, with a wrong amount maybe."""
        amount = intent.amount_minor + off_minor
        told = {"object": {"amount": amount, "currency": intent.currency.lower()}}
        event = Event(
            id=f"evt_{intent.id}_{off_minor}",
            type="payment_intent.succeeded",
            intent_id=intent.id,
            order_id=intent.order_id,
            user_id=intent.user_id,
            payload={"type": "payment_intent.succeeded", "data": told},
        )
        async with self.pool.acquire() as connection:
            await receive(connection, event)

    # Jobs

    @property
    def _handlers(self) -> dict[str, Handler]:
        handlers = self.resources.handlers
        return {
            jobs.ORDERS_PLACED: handlers.orders_placed,
            jobs.GATE_MESSAGE: handlers.gate_message,
            jobs.SETTLE: handlers.settle,
            jobs.PAYMENT_EVENT: handlers.payment_event,
            jobs.REFUND: handlers.refund,
            jobs.DEAL_CHANGED: handlers.deal_changed,
            jobs.STOCK_ADDED: handlers.stock_added,
        }

    async def waiting_jobs(self) -> list[asyncpg.Record]:
        """The jobs that wait, in the order of their staging; e-mails are not this machine's."""
        return await self.pool.fetch(
            "SELECT id, entrypoint, payload FROM pgqueuer WHERE entrypoint = ANY ($1) ORDER BY id",
            list(self._handlers),
        )

    async def do(self, job: asyncpg.Record) -> None:
        """Do a job; it stays in the queue."""
        await self._handlers[job["entrypoint"]](orjson.loads(job["payload"]))

    async def done_with(self, job: asyncpg.Record) -> None:
        """Take a job out of the queue."""
        await self.pool.execute("DELETE FROM pgqueuer WHERE id = $1", job["id"])
