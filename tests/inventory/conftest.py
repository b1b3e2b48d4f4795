"""What the tests of inventory stand on."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from inventory.stock import Stock
from kit.ids import new_id
from tests.inventory.gates import Deal, snapshot

OpenDeal = Callable[..., Awaitable[Deal]]


@pytest.fixture
def stock(redis: Redis) -> Stock:
    return Stock(redis, longest_hold=timedelta(minutes=15))


@pytest.fixture
def open_deal(stock: Stock, redis: Redis) -> OpenDeal:
    """Opens the gate of a new deal: 10 units, at most 5 a buyer, unless told otherwise."""

    async def open_it(**terms: Any) -> Deal:
        deal_id = new_id("deal")
        await stock.rebuild(snapshot(deal_id, run_id=await stock.run_id(), **terms))
        return Deal(stock, redis, deal_id)

    return open_it


@pytest.fixture
async def deal(open_deal: OpenDeal) -> Deal:
    return await open_deal()


@pytest.fixture
async def claimed(deal: Deal) -> Deal:
    """A claim of 2 of 10 units, with 1 unit held beside it."""
    await deal.hold("usr_b", 1)
    await deal.claimed("usr_a", "ord_1", 2)
    assert await deal.numbers() == (7, 3, 0)
    return deal
