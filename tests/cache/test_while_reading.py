"""What changes while an answer is being read: it is not kept as if it were of after the change."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from auth.seeding import seed_buyers
from graph.context import Info
from graph.requests import Operation
from graph.response_cache import RENEW_SECONDS, STALE_SECONDS
from kit.money import Money
from orders.stockboard import StockBoard, StockView
from resolvers import deals
from tests.cache.processes import HIT, Process, until
from tests.orders.shop import ACTOR, Shop

SHOWN = "query($id: ID!) { deal(id: $id) { title stock { available } } }"
TITLE = "query($id: ID!) { deal(id: $id) { title } }"


@dataclass
class SlowBoard:
    """Reads the stock at once, and answers when it is let."""

    board: StockBoard
    let: asyncio.Event = field(default_factory=asyncio.Event)
    reads: int = 0

    async def many(self, deal_ids: Iterable[str]) -> dict[str, StockView]:
        found = await StockBoard.many(self.board, deal_ids)
        self.reads += 1
        await self.let.wait()
        return found


@pytest.fixture
def slow(here: Process, monkeypatch: pytest.MonkeyPatch) -> SlowBoard:
    board = SlowBoard(here.resources.stockboard)
    monkeypatch.setattr(here.resources.stockboard, "many", board.many)
    return board


def asking(deal_id: str, query: str = SHOWN) -> Operation:
    return Operation(query, {"id": deal_id}, None)


async def shown(process: Process, operation: Operation, token: str | None = None) -> Any:
    """The deal, and where it came from."""
    response = await process.ask(operation, token)
    return response.json()["data"]["deal"], response.headers["cache-status"]


async def remembered(process: Process, operation: Operation) -> None:
    async with asyncio.timeout(10):
        while (await shown(process, operation))[1] != HIT:
            pass


async def pass_by(process: Process, seconds: float) -> None:
    """Until the monotonic clock has gone on by so much."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    await until(lambda: loop.time() >= end)
    assert process.resources.hears()


async def test_stock_that_changed_long_before_the_answer_came_is_not_kept(
    here: Process, shop: Shop, slow: SlowBoard
) -> None:
    deal_id = await shop.deal(allotment=50)
    first = asyncio.create_task(shown(here, asking(deal_id)))
    await until(lambda: slow.reads == 1)
    await shop.resources.restocking.adjust_stock(deal_id, 5, reason="a test", actor=ACTOR)
    await pass_by(here, STALE_SECONDS)
    slow.let.set()
    assert (await first)[0]["stock"] == {"available": 50}
    assert (await shown(here, asking(deal_id)))[0]["stock"] == {"available": 55}


async def test_stock_that_just_changed_is_read_anew_in_time(
    here: Process, shop: Shop, slow: SlowBoard
) -> None:
    deal_id = await shop.deal(allotment=50)
    first = asyncio.create_task(shown(here, asking(deal_id)))
    await until(lambda: slow.reads == 1)
    await shop.resources.restocking.adjust_stock(deal_id, 5, reason="a test", actor=ACTOR)
    slow.let.set()
    await first
    await pass_by(here, STALE_SECONDS)
    assert (await shown(here, asking(deal_id)))[0]["stock"] == {"available": 55}


async def test_terms_that_changed_meanwhile_are_not_kept(
    here: Process, shop: Shop, slow: SlowBoard
) -> None:
    deal_id = await shop.deal()
    first = asyncio.create_task(shown(here, asking(deal_id)))
    await until(lambda: slow.reads == 1)
    await shop.resources.dealdesk.update(deal_id, title="Changed meanwhile")
    slow.let.set()
    assert (await first)[0]["title"] == "Tea, by the tin"
    assert (await shown(here, asking(deal_id)))[0]["title"] == "Changed meanwhile"


async def test_who_asks_after_a_change_does_not_get_what_was_read_before_it(
    here: Process, shop: Shop, slow: SlowBoard
) -> None:
    deal_id = await shop.deal()
    first = asyncio.create_task(shown(here, asking(deal_id)))
    await until(lambda: slow.reads == 1)
    await shop.resources.dealdesk.update(deal_id, title="Changed meanwhile")
    asked = asyncio.create_task(shown(here, asking(deal_id)))
    # The one has joined the other, or reads for itself: both have had their turns.
    await shown(here, asking(deal_id, TITLE))
    slow.let.set()
    await first
    assert (await asked)[0]["title"] == "Changed meanwhile"


async def test_a_deal_that_is_deleted_while_it_is_read_anew_is_gone(
    here: Process, shop: Shop, slow: SlowBoard
) -> None:
    slow.let.set()
    deal_id = await shop.deal(allotment=50)
    await remembered(here, asking(deal_id))
    slow.let.clear()
    before = slow.reads
    await shop.resources.restocking.adjust_stock(deal_id, 5, reason="a test", actor=ACTOR)
    async with asyncio.timeout(10):
        while slow.reads == before:  # the renewal; it has read, and waits
            asked = asyncio.create_task(shown(here, asking(deal_id)))
            await asyncio.wait({asked}, timeout=RENEW_SECONDS / 4)
    await shop.resources.dealdesk.delete(deal_id)
    slow.let.set()
    await asked
    for _ in range(5):
        assert (await shown(here, asking(deal_id)))[0] is None


async def test_a_public_field_that_begins_to_ask_who_is_there_is_no_longer_kept(
    here: Process, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await seed_buyers(here.resources.pool, buyers=2, session_days=1)
    user_ids = [(await here.resources.sessions.viewer(token)).user_id for token in tokens]
    deal_id = await shop.deal()
    operation = asking(deal_id, TITLE)
    await remembered(here, operation)
    find = deals.find_deal

    async def find_whose(info: Info, deal_id: str) -> deals.Deal | None:
        found, viewer = await find(info, deal_id), await info.context.viewer_or_none()
        if found is None or viewer is None:
            return found
        return replace(found, title=viewer.user_id)

    monkeypatch.setattr(deals, "find_deal", find_whose)
    await shop.resources.dealdesk.update(deal_id, price=Money(1_100, "USD"))
    seen = [await shown(here, operation, token) for token in (*tokens, None, *tokens)]
    titles = [*user_ids, "Tea, by the tin", *user_ids]
    assert [deal["title"] for deal, _ in seen] == titles
    assert {status for _, status in seen} == {"flashsale; fwd=bypass"}
    monkeypatch.undo()
    await remembered(here, operation)
