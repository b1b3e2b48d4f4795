"""Three hundred buyers race for fifty units, also while processes are killed; then tabs race."""

import asyncio
import secrets
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.journey.client import Api
from tests.journey.conftest import Sale
from tests.journey.test_journey import new_deal, pay

BUYERS = 300
UNITS = 50
IN_FLIGHT = 64
PATIENCE_SECONDS = 60.0

ADD = """mutation($deal: ID!, $key: ID!) {
  addToCart(input: {dealId: $deal, quantity: 1, idempotencyKey: $key}) {
    __typename
    ... on CartUpdated { cart { items { deal { stock { allotment available held sold } } } } }
    ... on SoldOut { available }
    ... on UserError { code }
  }
}"""


@dataclass
class Race:
    """Buyers who want one unit each, and every stock they were ever shown."""

    sale: Sale
    api: Api
    deal_id: str
    tokens: list[str]
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_FLIGHT))
    stocks: list[dict[str, int]] = field(default_factory=list)

    async def insist(self, buyer: Api, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request until it has an answer; a lost connection is an unknown outcome."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                async with self.turns:
                    try:
                        answer = await buyer.post(body)
                    except (httpx.TransportError, ValueError):
                        answer = {"errors": ["unknown"]}
                if "errors" not in answer:
                    (value,) = answer["data"].values()
                    if value.get("code") != "TRY_LATER":
                        found: dict[str, Any] = value
                        return found
                await asyncio.sleep(0.05)

    async def add(self, token: str) -> str:
        variables = {"deal": self.deal_id, "key": secrets.token_hex(8)}
        value = await self.insist(self.api.as_(token), {"query": ADD, "variables": variables})
        for item in value.get("cart", {}).get("items", []):
            self.stocks.append(item["deal"]["stock"])
        return str(value["__typename"])

    async def order(self, token: str) -> dict[str, Any]:
        buyer = self.api.as_(token)
        documents = buyer.documents
        checkout = await self.insist(buyer, {"query": documents["Checkout"]})
        assert checkout["__typename"] == "Checkout", checkout
        placing = {
            "checkoutId": checkout["id"],
            "idempotencyKey": secrets.token_hex(8),
            "expectedTotal": checkout["total"],
        }
        placed = await self.insist(
            buyer, {"query": documents["PlaceOrder"], "variables": {"input": placing}}
        )
        assert placed["__typename"] == "OrderPlaced", placed
        order: dict[str, Any] = placed["order"]
        return order

    async def pay_order(self, token: str, order: dict[str, Any]) -> None:
        """Pay once the intent is open, and wait until the order says so."""
        buyer = self.api.as_(token)
        read = {"query": buyer.documents["Order"], "variables": {"id": order["id"]}}
        while order["payment"]["intentId"] is None:
            order = await self.insist(buyer, read)
        assert await pay(self.sale, order["payment"]) == "succeeded"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while order["status"] != "PAID":
                await asyncio.sleep(0.1)
                order = await self.insist(buyer, read)

    async def stock(self) -> tuple[int, int, int]:
        stock = (await self.api.run("Deal", id=self.deal_id))["stock"]
        self.stocks.append(stock)
        return stock["available"], stock["held"], stock["sold"]

    async def until(self, *wanted: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.stock() != wanted:
                await asyncio.sleep(0.1)

    def check_every_answer(self) -> None:
        assert self.stocks
        for stock in self.stocks:
            assert stock["allotment"] == UNITS
            assert stock["allotment"] == stock["available"] + stock["held"] + stock["sold"]
            assert min(stock["available"], stock["held"], stock["sold"]) >= 0

    def check_ledger(self) -> None:
        verified = self.sale.command("verify", "--deal", self.deal_id)
        assert verified.returncode == 0, verified.stderr


async def start_race(sale: Sale, api: Api, *, limit: int = 1) -> Race:
    deal = await new_deal(api, allotment=UNITS, purchaseLimit=limit)
    tokens = sale.folder / f"tokens-{secrets.token_hex(4)}.txt"
    seeded = sale.command("seed", "--buyers", str(BUYERS), "--tokens", str(tokens))
    assert seeded.returncode == 0, seeded.stderr
    return Race(sale, api, deal["id"], Path(tokens).read_text().split())


async def test_three_hundred_buyers_race_for_fifty_units(sale: Sale, api: Api) -> None:
    race = await start_race(sale, api)
    answers = await asyncio.gather(*(race.add(token) for token in race.tokens))
    assert Counter(answers) == {"CartUpdated": UNITS, "SoldOut": BUYERS - UNITS}
    assert await race.stock() == (0, UNITS, 0)

    winners = [token for token, told in zip(race.tokens, answers, strict=True) if "C" in told]
    orders = await asyncio.gather(*(race.order(token) for token in winners))
    assert len({order["id"] for order in orders}) == UNITS
    assert await race.stock() == (0, UNITS, 0)
    await asyncio.gather(
        *(race.pay_order(token, order) for token, order in zip(winners, orders, strict=True))
    )
    await race.until(0, 0, UNITS)
    race.check_every_answer()
    race.check_ledger()


async def test_killing_api_and_worker_in_mid_race_loses_no_answered_order(
    sale: Sale, api: Api
) -> None:
    race = await start_race(sale, api)
    placed: dict[str, dict[str, Any]] = {}

    async def buy(token: str) -> str:
        told = await race.add(token)
        if told == "CartUpdated":
            placed[token] = await race.order(token)
        return told

    async def kill() -> None:
        for wanted in (5, 20):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(placed) < wanted:
                    await asyncio.sleep(0.01)
            for process in psutil.Process(sale.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # it went with the one before
                    words = process.cmdline()
                    if "runtime" in words and ("serve" in words or "worker" in words):
                        process.kill()

    with sale.running("worker") as second_worker:  # finds the sale by itself, shares the jobs
        killing = asyncio.create_task(kill())
        answers = await asyncio.gather(*(buy(token) for token in race.tokens))
        await killing
        assert Counter(answers) == {"CartUpdated": UNITS, "SoldOut": BUYERS - UNITS}
        assert len(placed) == UNITS
        for token, order in placed.items():
            found = await race.insist(
                api.as_(token),
                {"query": api.documents["Order"], "variables": {"id": order["id"]}},
            )
            assert found["id"] == order["id"]
        await asyncio.gather(*(race.pay_order(token, order) for token, order in placed.items()))
        await race.until(0, 0, UNITS)
        race.check_every_answer()
        race.check_ledger()
        assert second_worker.poll() is None
    assert second_worker.returncode == 0


async def test_two_hundred_tabs_of_one_buyer_get_two_units_of_a_limit_of_two(
    sale: Sale, api: Api
) -> None:
    race = await start_race(sale, api, limit=2)
    token = race.tokens[0]
    told = await asyncio.gather(*(race.add(token) for _ in range(200)))
    assert Counter(told) == {"CartUpdated": 2, "PurchaseLimitReached": 198}
    assert await race.stock() == (UNITS - 2, 2, 0)
    order = await race.order(token)
    assert Counter(await asyncio.gather(*(race.add(token) for _ in range(20)))) == {
        "PurchaseLimitReached": 20
    }
    await race.pay_order(token, order)
    assert await race.add(token) == "PurchaseLimitReached"
    await race.until(UNITS - 2, 0, 2)
    race.check_every_answer()
    race.check_ledger()
