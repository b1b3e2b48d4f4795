"""How often stores are asked for what crowds read: counts that no noise can move."""

from dataclasses import replace
from typing import Any, cast

import pytest
from pymongo.asynchronous.collection import AsyncCollection

from orders import book
from orders.shelf import DealShelf
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker, Counter
from tests.resolvers.counting import CountingPool

FIELDS = """id title price { amountMinor } phase startsAt endsAt product { id name }
  stock { id available level version epoch }"""
LIST = f"{{ deals(first: 20, sort: NEWEST) {{ nodes {{ {FIELDS} }} pageInfo {{ endCursor }} }} }}"
DEAL = f"query($id: ID!) {{ deal(id: $id) {{ {FIELDS} }} }}"


class Trips:
    """A shop whose stores are counted."""

    def __init__(self, counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pool = CountingPool(counter.resources.pool)
        self.redis = self.mongo = self.deals = 0
        resources = counter.resources
        shelf = DealShelf(
            pool=cast("Any", self.pool),
            dealbook=resources.dealbook,
            cursors=resources.shelf._cursors,  # noqa: SLF001 - the same signature
            clock=resources.clock,
        )
        self.anybody = Asker(
            Counter(counter.schema, replace(resources, shelf=shelf), counter.listening)
        )
        read, find = type(resources.stock).read, AsyncCollection.find
        fetch = type(resources.dealbook)._fetch  # noqa: SLF001 - counted

        async def counted_read(*given: Any) -> Any:
            self.redis += 1
            return await read(*given)

        def counted_find(*given: Any, **named: Any) -> Any:
            self.mongo += 1
            return find(*given, **named)

        async def counted_fetch(*given: Any) -> Any:
            self.deals += 1
            return await fetch(*given)

        monkeypatch.setattr(type(resources.stock), "read", counted_read)
        monkeypatch.setattr(AsyncCollection, "find", counted_find)
        monkeypatch.setattr(type(resources.dealbook), "_fetch", counted_fetch)

    async def quiet(self) -> None:
        """Wait for the news of what was made: it makes the books forget."""
        await self.anybody.counter.resources.announcer.settle()
        await self.anybody.counter.listening.has_heard_all()

    @property
    def counts(self) -> dict[str, int]:
        return {
            "list": self.pool.fetched,
            "deals": self.deals,
            "redis": self.redis,
            "mongo": self.mongo,
        }


@pytest.fixture
def trips(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Trips:
    # However slow the machine: what was read stays fresh during a test.
    monkeypatch.setattr(book, "FRESH_SECONDS", 3_600.0)
    return Trips(counter, monkeypatch)


async def test_a_list_is_one_statement_one_pipeline_and_one_find(trips: Trips, shop: Shop) -> None:
    for _ in range(3):
        await shop.deal()
    await trips.quiet()
    shop.resources.productbook.forget_all()
    shop.resources.dealbook.forget_all()
    trips.mongo = 0
    assert (await trips.anybody.ask(LIST))["errors"] == []
    assert trips.counts == {"list": 1, "deals": 1, "redis": 1, "mongo": 1}
    assert (await trips.anybody.ask(LIST))["errors"] == []
    assert trips.counts == {"list": 2, "deals": 1, "redis": 2, "mongo": 1}


async def test_a_deal_that_is_remembered_is_one_look_at_the_gate(trips: Trips, shop: Shop) -> None:
    deal_id = await shop.deal()
    await trips.quiet()
    await trips.anybody.ask(DEAL, id=deal_id)
    before = trips.counts
    assert (await trips.anybody.ask(DEAL, id=deal_id))["errors"] == []
    assert trips.counts == {**before, "redis": before["redis"] + 1}
