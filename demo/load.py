"""Loads the demo sale once, and moves its times on when they are over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import structlog

from auth.accounts import Role
from auth.errors import EmailTaken
from auth.seeding import seed_buyers
from kit.ids import new_id
from kit.money import Money
from models.documents import Product
from models.records import Deal, User
from orders.offer import NewDeal
from runtime.resources import Resources

log = structlog.get_logger()

BUYER: Final = ("buyer@demo.example", "demo-buyer-1", "Demo Buyer")
OPERATOR: Final = ("operator@demo.example", "demo-operator-1", "Demo Operator")
ACTOR: Final = "demo"
# Sales before the demo began: made through the same cart, checkout and payment as any other.
SALES_AT_ONCE: Final = 6
_FOLDER = Path(__file__).parent

Progress = Callable[[str], None]


class DemoNeedsSandbox(Exception):
    """The demo's past sales are paid with test cards, which only the payment sandbox takes."""


@dataclass(frozen=True, slots=True)
class DemoDeal:
    """One deal of deals.json; times are seconds from the moment of loading."""

    sku: str
    title: str
    price_minor: int
    list_price_minor: int
    starts_in_seconds: int
    ends_in_seconds: int
    allotment: int
    safety_stock: int
    purchase_limit: int
    sold_units: int

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """When it starts and ends, counted from `now`."""
        return (
            now + timedelta(seconds=self.starts_in_seconds),
            now + timedelta(seconds=self.ends_in_seconds),
        )


def read_deals() -> list[DemoDeal]:
    """The deals of the data file."""
    return [DemoDeal(**row) for row in orjson.loads((_FOLDER / "deals.json").read_bytes())]


def read_products() -> list[dict[str, Any]]:
    """The products of the data file."""
    rows: list[dict[str, Any]] = orjson.loads((_FOLDER / "products.json").read_bytes())
    return rows


async def is_loaded() -> bool:
    """Whether the demo sale is there: the operator's account is made last."""
    return await User.filter(email=OPERATOR[0]).exists()


async def load_demo(resources: Resources, tell: Progress) -> None:
    """Load what is missing of the demo sale. May be repeated after it was interrupted.

    Raises:
        DemoNeedsSandbox: the settings name no sandbox; nothing was written.
    """
    if not resources.settings.stripe_api_base:
        raise DemoNeedsSandbox("Set FLASHSALE_STRIPE_API_BASE to the payment sandbox's address.")
    tell("loading the catalogue")
    product_ids = await _load_products()
    tell("opening the deals")
    now = resources.clock.now()
    known = {deal.title: deal.id for deal in await Deal.all()}
    opened: dict[str, DemoDeal] = {}
    async with _without_webhooks(resources):
        for spec in read_deals():
            deal_id = known.get(spec.title) or await _open_deal(
                resources, spec, product_ids[spec.sku], now
            )
            missing = spec.sold_units - await _claimed(resources, deal_id)
            if missing > 0:
                tell(f"selling {missing} of {spec.title}")
                await _sell(resources, spec, deal_id, missing)
            opened[deal_id] = spec
    tell("setting the deals' times")
    now = resources.clock.now()
    for deal_id, spec in opened.items():
        starts_at, ends_at = spec.window(now)
        await resources.dealdesk.update(deal_id, starts_at=starts_at, ends_at=ends_at)
    tell("making the demo accounts")
    accounts: tuple[tuple[tuple[str, str, str], Role], ...] = (
        (BUYER, "BUYER"),
        (OPERATOR, "OPERATOR"),
    )
    for (email, password, name), role in accounts:
        try:
            await resources.accounts.register(email, password, name, role=role)
        except EmailTaken:
            log.debug("demo_account_exists", email=email)


async def refresh_times(resources: Resources) -> int:
    """Give deals of the demo that are over new times, as if loaded now; how many were moved.

    Deals that the data file says have ended stay ended.
    """
    now = resources.clock.now()
    ended = {deal.title: deal for deal in await Deal.filter(ends_at__lte=now)}
    moved = 0
    for spec in read_deals():
        deal = ended.get(spec.title)
        if deal is None or spec.ends_in_seconds <= 0:
            continue
        starts_at, ends_at = spec.window(now)
        await resources.dealdesk.update(deal.id, starts_at=starts_at, ends_at=ends_at)
        moved += 1
    return moved


@asynccontextmanager
async def _without_webhooks(resources: Resources) -> AsyncIterator[None]:
    """Past sales are settled here, before anybody listens for webhooks: the sandbox sends none.

    Hundreds of late events would otherwise stand before the first visitor's own.
    """
    key = resources.settings.stripe_api_key.get_secret_value()
    async with httpx.AsyncClient(
        base_url=resources.settings.stripe_api_base, headers={"authorization": f"Bearer {key}"}
    ) as provider:
        (await provider.post("/sandbox/faults", json={"drop_events": 1.0})).raise_for_status()
        try:
            yield
        finally:
            (await provider.delete("/sandbox/faults")).raise_for_status()


async def _load_products() -> dict[str, str]:
    """Insert the products that are missing; the ids of all, by SKU."""
    await Product.get_pymongo_collection().create_index("sku", unique=True)
    known = {product.sku: product.id for product in await Product.find_all().to_list()}
    missing = [
        Product(id=new_id("prod"), **row) for row in read_products() if row["sku"] not in known
    ]
    if missing:
        await Product.insert_many(missing)
    return known | {product.sku: product.id for product in missing}


async def _open_deal(resources: Resources, spec: DemoDeal, product_id: str, now: datetime) -> str:
    """Create a deal; one with past sales is live for long enough to make them.

    Its own times are set when everything is loaded, so that none is spent on loading.
    """
    starts_at, ends_at = spec.window(now)
    if spec.sold_units or ends_at <= now:
        starts_at, ends_at = min(starts_at, now), max(ends_at, now + timedelta(hours=1))
    currency = resources.settings.currency
    return await resources.dealdesk.create(
        NewDeal(
            product_id=product_id,
            title=spec.title,
            price=Money(spec.price_minor, currency),
            list_price=Money(spec.list_price_minor, currency),
            starts_at=starts_at,
            ends_at=ends_at,
            allotment=spec.allotment,
            safety_stock=spec.safety_stock,
            purchase_limit=spec.purchase_limit,
        ),
        actor=ACTOR,
    )


async def _claimed(resources: Resources, deal_id: str) -> int:
    """Units of a deal that were sold already, by a load that was interrupted."""
    claimed: int = await resources.pool.fetchval(
        "SELECT claimed FROM deal_stock WHERE deal_id = $1", deal_id
    )
    return claimed


async def _sell(resources: Resources, spec: DemoDeal, deal_id: str, units: int) -> None:
    """Sell units of a deal to buyers made up for it."""
    buyers = -(-units // spec.purchase_limit)
    tokens = await seed_buyers(resources.pool, buyers=buyers, session_days=1)
    user_ids = [(await resources.sessions.viewer(token)).user_id for token in tokens]
    turns = asyncio.Semaphore(SALES_AT_ONCE)
    async with httpx.AsyncClient(base_url=resources.settings.stripe_api_base) as provider:

        async def buy(user_id: str, quantity: int) -> None:
            async with turns:
                await _buy(resources, provider, user_id, deal_id, quantity)

        left = units
        async with asyncio.TaskGroup() as group:
            for user_id in user_ids:
                quantity = min(left, spec.purchase_limit)
                left -= quantity
                group.create_task(buy(user_id, quantity), name=f"demo sale to {user_id}")


async def _buy(
    resources: Resources, provider: httpx.AsyncClient, user_id: str, deal_id: str, quantity: int
) -> None:
    """One whole purchase: cart, checkout, order, payment with a test card, settlement."""
    await resources.carts.add(user_id, deal_id=deal_id, quantity=quantity, key=None)
    checkout = await resources.checkouts.begin(user_id)
    order_id = await resources.placing.place(
        user_id, checkout_id=checkout.id, key=f"demo-{checkout.id}", expected_total=checkout.total
    )
    order = await resources.archive.order(user_id, order_id)
    assert order is not None
    assert order.payment.intent_id is not None
    answer = await provider.post(
        f"/v1/payment_intents/{order.payment.intent_id}/confirm",
        data={
            "client_secret": order.payment.client_secret or "",
            "payment_method": "pm_card_visa",
        },
    )
    answer.raise_for_status()
    await resources.settlement.settle(user_id, order_id)
