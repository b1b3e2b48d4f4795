"""Refusing the crowd of a sold-out deal asks no store: counted over the whole endpoint."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from pymongo.asynchronous.collection import AsyncCollection

from auth.seeding import seed_buyers
from graph.app import create_app
from kit.redis_client import LineRedis
from kit.settings import Settings
from orders import book
from runtime.resources import Resources
from tests.graph.edge import serve
from tests.orders.shop import Shop

ADD = """mutation($input: AddToCartInput!) { addToCart(input: $input) {
  __typename ... on SoldOut { dealId available message } } }"""


class Trips:
    """What was sent to a store by anybody but those who were at work before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        self._others: set[asyncio.Task[Any]] | None = None
        self._watch(monkeypatch, asyncpg.Pool, "_acquire")
        for name in ("execute_command", "ask_line", "pipeline"):
            self._watch(monkeypatch, LineRedis, name)
        for name in ("find", "find_one", "aggregate"):
            self._watch(monkeypatch, AsyncCollection, name)

    def begin(self) -> None:
        """Forget what was sent until now, and do not mind who is at work for good."""
        self.sent.clear()
        self._others = asyncio.all_tasks()

    def _watch(self, monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> None:
        real: Callable[..., Any] = getattr(kind, name)

        def counted(*given: Any, **named: Any) -> Any:
            task = asyncio.current_task()
            if self._others is not None and (task is None or task not in self._others):
                self.sent.append(f"{kind.__name__}.{name}")
            return real(*given, **named)

        monkeypatch.setattr(kind, name, counted)


@pytest.fixture
async def process(settings: Settings, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve(create_app(settings, resources=resources)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        yield client


async def test_a_refusal_asks_no_store(
    process: httpx.AsyncClient,
    resources: Resources,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deal_id = await shop.deal(allotment=1)
    mine, others = await seed_buyers(resources.pool, buyers=2, session_days=1)
    # However slow the machine: what is known stays so, and it is nobody's turn to look.
    monkeypatch.setattr(book, "FRESH_SECONDS", 3_600.0)

    async def add(token: str, number: int = 0, **more: str) -> str:
        given = {"dealId": deal_id, "quantity": 1, **more}
        # No two of the same bytes: those would be answered before they are parsed.
        response = await process.post(
            "/graphql",
            json={"query": ADD + " " * number, "variables": {"input": given}},
            headers={"Authorization": f"Bearer {token}"},
        )
        name: str = response.json()["data"]["addToCart"]["__typename"]
        return name

    assert await add(others) == "CartUpdated"
    assert await add(mine) == "SoldOut"
    assert resources.sold_out.is_sold_out(deal_id)
    now = resources.sold_out._now_seconds()  # noqa: SLF001 - time that stands still
    monkeypatch.setattr(resources.sold_out, "_now_seconds", lambda: now)
    trips = Trips(monkeypatch)
    assert await add(mine, 1) == "SoldOut"
    trips.begin()
    assert [await add(mine, number) for number in range(2, 12)] == ["SoldOut"] * 10
    assert trips.sent == []
    # With a key the answer is the buyer's own, and only the gate can tell.
    assert await add(mine, idempotencyKey="k") == "SoldOut"
    assert trips.sent != []
