"""Loaders read each thing once, in batches, in the order of the keys."""

import asyncio

import pytest

from kit.ids import new_id
from loaders.loaders import Loaders
from orders.errors import TryLater
from runtime.resources import Resources
from tests.loaders.away import without_catalogue
from tests.orders.shop import Shop


@pytest.fixture
def shop(resources: Resources) -> Shop:
    return Shop(resources)


async def test_values_come_in_the_order_of_their_keys(resources: Resources, shop: Shop) -> None:
    first, second = await shop.deal(allotment=1), await shop.deal(allotment=2)
    loaders = Loaders(resources)
    odd = ["", "deal_\0", "x" * 5_000, new_id("prod"), new_id("deal")]
    keys = [second, *odd, first, second]
    deals = await loaders.deal.load_many(keys)
    assert [deal and deal.id for deal in deals] == [second, *[None] * 5, first, second]
    stocks = await loaders.stock.load_many(keys)
    assert [stock and stock.allotment for stock in stocks] == [2, *[None] * 5, 1, 2]


async def test_products_are_read_with_one_query(resources: Resources, shop: Shop) -> None:
    made = [await shop.product() for _ in range(3)]
    loaders = Loaders(resources)
    rows = await asyncio.gather(
        *(loaders.product.load(id_) for id_ in [*(each.id for each in made), new_id("prod"), "$ne"])
    )
    assert [row and row["sku"] for row in rows] == [*(each.sku for each in made), None, None]
    assert "revision_id" not in (rows[0] or {})


async def test_a_catalogue_out_of_reach_says_to_try_later(resources: Resources) -> None:
    loaders = Loaders(without_catalogue(resources))
    keys = [new_id("prod"), new_id("prod")]
    answers = await asyncio.gather(
        *(loaders.product.load(key) for key in keys), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [TryLater, TryLater]


async def test_what_was_read_is_kept_until_it_is_forgotten(
    resources: Resources, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=5)
    loaders = Loaders(resources)
    before = await loaders.stock.load(deal_id)
    await resources.carts.add(new_id("usr"), deal_id=deal_id, quantity=1, key=None)
    assert await loaders.stock.load(deal_id) == before
    loaders.forget()
    after = await loaders.stock.load(deal_id)
    assert after is not None
    assert after.available == 4
