"""Opens the sale that a scenario harms: buyers with sessions, an operator, products, deals."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import asyncpg
import httpx

from auth.seeding import seed_buyers
from auth.sessions import hash_token
from tests.faults.scenario import SaleShape

CURRENCY = "USD"
# Buyers who sign out in mid-sale and go on trying their old token (I10).
LEAVERS = 4
_OPENING_SECONDS = 60.0

_PRODUCT = """mutation($input: CreateProductInput!) {
  createProduct(input: $input) { __typename ... on ProductSaved { product { id } } }
}"""
_DEAL = """mutation($input: CreateDealInput!) {
  createDeal(input: $input) { __typename ... on DealSaved { deal { id } }
    ... on UserError { message } }
}"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a session."""

    user_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Sale:
    """An open sale. Prices are in minor units, by deal."""

    buyers: tuple[Person, ...]
    leavers: tuple[Person, ...]
    operator: Person
    deals: tuple[str, ...]
    prices: dict[str, int]
    purchase_limit: int
    extras: tuple[Person, ...] = ()


async def open_sale(database_url: str, api: str, shape: SaleShape) -> Sale:
    """Make a sale of this shape, live at once, on a migrated database and a running API.

    `database_url` is the server itself, not its proxy.
    """
    people = await _people(database_url, shape.buyers + shape.extras + LEAVERS + 1)
    operator, shoppers = people[0], people[1 : 1 + shape.buyers]
    others = people[1 + shape.buyers :]
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "UPDATE users SET role = 'OPERATOR' WHERE id = $1", operator.user_id
        )
    finally:
        await connection.close()
    prices: dict[str, int] = {}
    headers = {"authorization": f"Bearer {operator.token}"}
    async with httpx.AsyncClient(base_url=api, headers=headers, timeout=15.0) as desk:
        for number in range(shape.deals):
            price = 1_990 + 100 * number
            prices[await _deal(desk, number, price, shape)] = price
    return Sale(
        buyers=tuple(shoppers),
        leavers=tuple(others[:LEAVERS]),
        extras=tuple(others[LEAVERS:]),
        operator=operator,
        deals=tuple(prices),
        prices=prices,
        purchase_limit=shape.purchase_limit,
    )


async def _people(database_url: str, wanted: int) -> list[Person]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        tokens = await seed_buyers(pool, buyers=wanted, session_days=1)
        rows = await pool.fetch(
            "SELECT token_hash, user_id FROM sessions WHERE token_hash = ANY($1)",
            [hash_token(token) for token in tokens],
        )
    known = {row["token_hash"]: row["user_id"] for row in rows}
    return [Person(known[hash_token(token)], token) for token in tokens]


async def _deal(desk: httpx.AsyncClient, number: int, price: int, shape: SaleShape) -> str:
    product = {
        "sku": f"FAULT-{number}",
        "name": f"Kettle {number}",
        "description": "Sings when it is ready.",
        "category": "Kitchen",
    }
    made = await _insist(desk, _PRODUCT, product)
    now = datetime.now(UTC)
    terms = {
        "productId": made["product"]["id"],
        "title": f"Kettle {number}, today only",
        "price": {"amountMinor": price, "currency": CURRENCY},
        "listPrice": {"amountMinor": 2 * price, "currency": CURRENCY},
        "startsAt": (now - timedelta(minutes=1)).isoformat(),
        "endsAt": (now + timedelta(hours=6)).isoformat(),
        "allotment": shape.allotment,
        "purchaseLimit": shape.purchase_limit,
    }
    opened = await _insist(desk, _DEAL, terms)
    return str(opened["deal"]["id"])


async def _insist(desk: httpx.AsyncClient, document: str, given: dict[str, Any]) -> dict[str, Any]:
    """Ask until a program that has just started answers."""
    body = {"query": document, "variables": {"input": given}}
    answer: dict[str, Any] = {}
    limit = monotonic() + _OPENING_SECONDS
    while monotonic() < limit:
        try:
            answer = (await desk.post("/graphql", json=body)).json()
        except (httpx.TransportError, ValueError) as error:
            answer = {"errors": repr(error)}
        if "errors" not in answer:
            (value,) = answer["data"].values()
            if value["__typename"].endswith("Saved"):
                saved: dict[str, Any] = value
                return saved
            assert value["__typename"] == "TryLater", answer
        await asyncio.sleep(0.2)
    raise TimeoutError(f"nobody could be asked to open it: {answer}")
