"""What went wrong is told to whoever asked, and remembered for nobody."""

from typing import Any

import pytest
from pymongo.errors import ServerSelectionTimeoutError
from redis.exceptions import TimeoutError as RedisTimeoutError

from graph.requests import Operation
from tests.cache.processes import HIT, Process
from tests.orders.shop import Shop


@pytest.fixture
def away(here: Process, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The catalogue does not answer until this is undone."""

    async def never(_: list[str]) -> Any:
        raise ServerSelectionTimeoutError("no servers found yet")

    here.resources.productbook.forget_all()
    monkeypatch.setattr(here.resources.productbook, "_fetch", never)
    return monkeypatch


async def bought(shop: Shop) -> tuple[str, str]:
    """A deal and its product."""
    deal_id = await shop.deal()
    deal = await shop.resources.dealbook.get(deal_id)
    assert deal is not None
    return deal_id, deal.product_id


async def test_an_error_is_never_given_from_memory(
    here: Process, shop: Shop, away: pytest.MonkeyPatch
) -> None:
    _, product_id = await bought(shop)
    operation = Operation("query($id: ID!) { product(id: $id) { name } }", {"id": product_id}, None)
    for _ in range(2):
        response = await here.ask(operation)
        assert response.json()["errors"]
        assert response.headers["cache-status"] != HIT
    away.undo()
    assert (await here.ask(operation)).json() == {"data": {"product": {"name": "Tin of tea"}}}


async def test_a_product_that_was_out_of_reach_is_shown_as_soon_as_it_is_back(
    here: Process, shop: Shop, away: pytest.MonkeyPatch
) -> None:
    deal_id, _ = await bought(shop)
    query = "query($id: ID!) { deal(id: $id) { product { name } } }"
    operation = Operation(query, {"id": deal_id}, None)
    assert (await here.ask(operation)).json() == {"data": {"deal": {"product": None}}}
    away.undo()
    shown = (await here.ask(operation)).json()["data"]["deal"]
    assert shown == {"product": {"name": "Tin of tea"}}


async def test_stock_that_the_gate_could_not_tell_is_shown_once_and_remembered_for_nobody(
    here: Process, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id = await shop.deal(allotment=5)
    await shop.resources.carts.add("usr_tests", deal_id=deal_id, quantity=2, key=None)

    async def never(_: Any) -> Any:
        raise RedisTimeoutError("no answer within two seconds")

    monkeypatch.setattr(here.resources.stock, "read", never)
    query = "query($id: ID!) { deal(id: $id) { stock { available } } }"
    operation = Operation(query, {"id": deal_id}, None)
    assert (await here.ask(operation)).json()["data"]["deal"] == {"stock": {"available": 5}}
    monkeypatch.undo()
    assert (await here.ask(operation)).json()["data"]["deal"] == {"stock": {"available": 3}}
