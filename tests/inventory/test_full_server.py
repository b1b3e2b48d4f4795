"""A server that is full takes no new holds; whatever frees or keeps promised units still works."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from inventory.errors import DealNotLive
from tests.inventory.gates import Deal, due, snapshot


@asynccontextmanager
async def full(redis: Redis) -> AsyncIterator[None]:
    """More than its limit is in use already, whatever is removed."""
    await redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await redis.config_set("maxmemory", 0)


async def test_a_full_server_refuses_new_holds_and_writes_nothing(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    before = await deal.contents()
    async with full(deal.redis):
        with pytest.raises(OutOfMemoryError):
            await deal.hold("usr_b")
        with pytest.raises(OutOfMemoryError):
            await deal.hold("usr_a")
        assert await deal.contents() == before


async def test_holds_are_given_back_to_a_full_server(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    async with full(deal.redis):
        assert (await deal.hold("usr_a", 0, mode="set")).changed
        assert await deal.numbers() == (10, 0, 0)


async def test_due_holds_lapse_on_a_full_server(deal: Deal) -> None:
    short = (await deal.hold("usr_a", 2, hold_for=timedelta(milliseconds=5))).hold
    assert short is not None
    await due(deal.redis, short.deadline_ms)
    async with full(deal.redis):
        await deal.stock.lapse_holds(deal.deal_id, limit=10)
        assert await deal.numbers() == (10, 0, 0)


async def test_a_frozen_hold_becomes_a_claim_and_a_sale_on_a_full_server(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    await deal.freeze("usr_a")
    await deal.hold("usr_b")
    await deal.freeze("usr_b")
    async with full(deal.redis):
        await deal.claim("usr_a", units=2)
        assert (await deal.confirm("ord_1", "usr_a", 2)).word == "APPLIED"
        assert (await deal.commit("ord_1", "usr_a", 2)).word == "APPLIED"
        await deal.claim("usr_b", "ord_2")
        assert (await deal.release("ord_2", "usr_b")).word == "APPLIED"
        assert await deal.numbers() == (8, 0, 2)


async def test_a_lost_gate_is_rebuilt_on_a_full_server(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    async with full(deal.redis):
        anew = snapshot(deal.deal_id, epoch=2, run_id=await deal.stock.run_id())
        counters = await deal.stock.rebuild(anew)
        assert (counters.epoch, counters.available, counters.held) == (2, 8, 2)


async def test_a_deal_is_paused_on_a_full_server(deal: Deal) -> None:
    await deal.hold("usr_a", 2)
    await deal.freeze("usr_a")
    async with full(deal.redis):
        assert await deal.stock.set_terms(
            deal.deal_id, epoch=1, revision=2, opens_ms=0, closes_ms=2**42, limit=2, paused=True
        )
        with pytest.raises(DealNotLive):
            await deal.claim("usr_a", units=2)
