"""A shop for tests of the use cases: real stores, a real sandbox, jobs run one at a time."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson

from kit.ids import new_id
from kit.money import Money
from models.documents import Product
from orders import jobs
from orders.archive import OrderView
from orders.checkout import CheckoutView
from orders.offer import NewDeal
from orders.proof import prove_deals
from orders.stockboard import StockView
from runtime.resources import Resources

ACTOR = "usr_of_these_tests"


@dataclass
class Shop:
    """What a test does at the shop; every shortcut goes through the same use cases as the API."""

    resources: Resources

    async def product(self) -> Product:
        return await self.resources.catalogue.create(
            sku=f"T-{secrets.token_hex(6)}",
            name="Tin of tea",
            description="Loose leaves.",
            category="Kitchen",
        )

    async def deal(
        self,
        *,
        allotment: int = 10,
        limit: int = 2,
        price: int = 1_500,
        starts_in: float = -60,
        ends_in: float = 3_600,
        withheld: int = 0,
    ) -> str:
        now = self.resources.clock.now()
        return await self.resources.dealdesk.create(
            NewDeal(
                product_id=(await self.product()).id,
                title="Tea, by the tin",
                price=Money(price, "USD"),
                list_price=Money(max(2_000, price), "USD"),
                starts_at=now + timedelta(seconds=starts_in),
                ends_at=now + timedelta(seconds=ends_in),
                allotment=allotment,
                safety_stock=withheld,
                purchase_limit=limit,
            ),
            actor=ACTOR,
        )

    async def checkout(self, user_id: str, *deal_ids: str, quantity: int = 1) -> CheckoutView:
        for deal_id in deal_ids:
            await self.resources.carts.add(user_id, deal_id=deal_id, quantity=quantity, key=None)
        return await self.resources.checkouts.begin(user_id)

    async def place(self, checkout: CheckoutView, *, key: str | None = None) -> str:
        return await self.resources.placing.place(
            checkout.user_id,
            checkout_id=checkout.id,
            key=key or secrets.token_hex(8),
            expected_total=checkout.total,
        )

    async def order(self, user_id: str, *deal_ids: str, quantity: int = 1) -> OrderView:
        checkout = await self.checkout(user_id, *deal_ids, quantity=quantity)
        return await self.read(user_id, await self.place(checkout))

    async def read(self, user_id: str, order_id: str) -> OrderView:
        order = await self.resources.archive.order(user_id, order_id)
        assert order is not None
        return order

    async def pay(self, order: OrderView, card: str = "pm_card_visa") -> dict[str, Any]:
        """Confirm the order's intent at the sandbox, as the buyer's page does."""
        base = self.resources.settings.stripe_api_base
        async with httpx.AsyncClient(base_url=base) as provider:
            answer = await provider.post(
                f"/v1/payment_intents/{order.payment.intent_id}/confirm",
                data={
                    "client_secret": order.payment.client_secret or "",
                    "payment_method": card,
                },
            )
        body: dict[str, Any] = answer.json()
        return body

    async def stock(self, deal_id: str) -> StockView:
        view = (await self.resources.stockboard.many([deal_id]))[deal_id]
        assert view.allotment == view.available + view.held + view.sold
        return view

    async def counters(self, deal_id: str) -> tuple[int, int, int]:
        """Available, held and sold at the gate."""
        view = await self.stock(deal_id)
        return view.available, view.held, view.sold

    async def rows(self, deal_id: str) -> tuple[int, int, int]:
        """Allotment, claimed and sold in Postgres."""
        row = await self.resources.pool.fetchrow(
            "SELECT allotment, claimed, sold FROM deal_stock WHERE deal_id = $1", deal_id
        )
        assert row is not None
        return row["allotment"], row["claimed"], row["sold"]

    async def work(self) -> int:
        """Run every job that is queued, due or not, until none is left; how many were run."""
        handlers = self.resources.handlers
        named: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            jobs.ORDERS_PLACED: handlers.orders_placed,
            jobs.GATE_MESSAGE: handlers.gate_message,
            jobs.SETTLE: handlers.settle,
            jobs.PAYMENT_EVENT: handlers.payment_event,
            jobs.REFUND: handlers.refund,
            jobs.DEAL_CHANGED: handlers.deal_changed,
            jobs.STOCK_ADDED: handlers.stock_added,
        }
        done = 0
        while row := await self.resources.pool.fetchrow(
            "DELETE FROM pgqueuer WHERE id = (SELECT min(id) FROM pgqueuer"
            " WHERE entrypoint = ANY ($1::text[])) RETURNING entrypoint, payload",
            list(named),
        ):
            await named[row["entrypoint"]](orjson.loads(row["payload"]))
            done += 1
        return done

    async def prove(self, deal_id: str) -> None:
        """The ledger of the deal holds, and the gate agrees with it."""
        proofs = [proof async for proof in prove_deals(self.resources.pool, deal_id)]
        assert [proof.problems for proof in proofs] == [()]
        _, claimed, sold = await self.rows(deal_id)
        available, held, committed = await self.counters(deal_id)
        assert committed == sold
        assert held >= claimed - sold
        assert available + held + committed == proofs[0].allotment


def buyer() -> str:
    """A buyer who has nothing yet. The use cases need no account, only an id."""
    return new_id("usr")
