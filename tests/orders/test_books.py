"""What is read often is read once: by all who ask at a time, and for a second."""

import asyncio

import pytest
from broadcaster import Broadcast
from redis.asyncio import Redis

from kit.broadcast import RedisPubSub
from orders import book
from orders.book import Book
from orders.productbook import ProductBook
from runtime.resources import Resources
from tests.orders.shop import Shop
from tests.subscriptions.listening import start_hub, until


class Shelf(Book[str]):
    """A book whose store is a dictionary, and whose reads may be kept waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.store = {"a": "first"}
        self.reads: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def _fetch(self, ids: list[str]) -> dict[str, str]:
        self.reads.append(sorted(ids))
        found = {id_: self.store[id_] for id_ in ids if id_ in self.store}
        await self.gate.wait()
        return found


async def test_all_who_ask_at_a_time_share_one_read() -> None:
    shelf = Shelf()
    answers = await asyncio.gather(*(shelf.many(["a", "b"]) for _ in range(50)))
    assert answers == [{"a": "first"}] * 50
    assert await shelf.get("b") is None
    assert shelf.reads == [["a", "b"]]


async def test_what_is_fresh_is_not_read_with_what_is_missing() -> None:
    shelf = Shelf()
    await shelf.get("a")
    await shelf.many(["a", "b"])
    assert shelf.reads == [["a"], ["b"]]


async def test_what_is_no_longer_fresh_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    await shelf.get("a")
    monkeypatch.setattr(book, "FRESH_SECONDS", 0.0)
    shelf.store["a"] = "second"
    assert await shelf.get("a") == "second"


async def test_a_read_that_began_before_a_change_is_not_kept() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    old = asyncio.create_task(shelf.get("a"))
    await until(lambda: shelf.reads == [["a"]])
    shelf.store["a"] = "second"
    shelf.drop("a")
    shelf.gate.set()
    assert await old == "first"
    assert await shelf.get("a") == "second"


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    impatient, patient = (asyncio.create_task(shelf.get("a")) for _ in range(2))
    await until(lambda: shelf.reads == [["a"]])
    impatient.cancel()
    shelf.gate.set()
    assert await patient == "first"


async def test_a_book_has_a_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MOST_KEPT", 3)
    shelf = Shelf()
    for number in range(10):
        await shelf.get(str(number))
    assert len(shelf._kept) <= 3  # noqa: SLF001 - the bound itself


@pytest.fixture
def elsewhere(resources: Resources) -> ProductBook:
    """The book of another process."""
    return ProductBook(resources.mongo)


async def test_an_edited_product_is_read_anew_here_and_elsewhere(
    resources: Resources, redis: Redis, elsewhere: ProductBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "FRESH_SECONDS", 3_600.0)
    product = await Shop(resources).product()
    backend = RedisPubSub(resources.settings.redis_url, publisher=redis)
    async with (
        Broadcast(backend=backend) as broadcast,
        start_hub(resources, broadcast, receivers=[elsewhere]),
    ):
        assert (await elsewhere.many([product.id]))[product.id]["name"] == product.name
        assert (await resources.productbook.many([product.id])) != {}
        await resources.catalogue.update(product.id, name="Chest of tea")
        assert await _name(resources.productbook, product.id) == "Chest of tea"
        await _until_forgotten(elsewhere, product.id)
        assert await _name(elsewhere, product.id) == "Chest of tea"
        await resources.catalogue.delete(product.id)
        assert await resources.productbook.get(product.id) is None
        await _until_forgotten(elsewhere, product.id)
        assert await elsewhere.get(product.id) is None


async def _name(products: ProductBook, product_id: str) -> str:
    row = await products.get(product_id)
    assert row is not None
    name: str = row["name"]
    return name


async def _until_forgotten(products: ProductBook, product_id: str) -> None:
    await until(lambda: product_id not in products._kept)  # noqa: SLF001 - what the event does
