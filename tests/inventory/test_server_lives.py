"""Protocol rule 12: a gate that an earlier life of the server wrote is not believed."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from inventory.errors import StaleEpoch
from inventory.stock import Settled, Stock
from kit.redis_client import open_redis
from runtime.embedded_valkey import EmbeddedValkey
from tests.inventory.gates import LONG, Deal, snapshot

DEAL_ID = "deal_lives"


class Server:
    """A Valkey that a test may kill, and start again with the disk of an earlier moment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._valkey = EmbeddedValkey(folder, password="lives", preferred_port=None)

    @property
    def url(self) -> str:
        return self._valkey.url

    async def start(self) -> None:
        await asyncio.to_thread(self._valkey.start)
        await asyncio.to_thread(self._valkey.wait_until_ready)

    async def stop(self) -> None:
        await asyncio.to_thread(self._valkey.stop)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def copy_disk(self) -> Path:
        """What a restore, or a cut log, would bring back. Only with the server stopped."""
        return Path(shutil.copytree(self._valkey.folder, self._folder / "copy", dirs_exist_ok=True))

    async def roll_back(self, copy: Path) -> None:
        """Start again from an earlier disk."""
        await self.stop()
        shutil.rmtree(self._valkey.folder)
        shutil.copytree(copy, self._valkey.folder)
        await self.start()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    running = Server(tmp_path)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Redis]:
    opened = open_redis(server.url, connections=4)
    yield opened
    await opened.aclose()


@pytest.fixture
async def deal(client: Redis) -> Deal:
    stock = Stock(client, longest_hold=timedelta(minutes=15))
    await stock.rebuild(snapshot(DEAL_ID, run_id=await stock.run_id()))
    return Deal(stock, client, DEAL_ID)


async def test_a_gate_of_the_life_before_is_stale_for_every_operation(
    server: Server, deal: Deal
) -> None:
    await deal.claimed("usr_a", "ord_1")
    await deal.hold("usr_b")
    await server.restart()
    before = await deal.contents()

    stock = deal.stock
    for refused in (
        deal.hold("usr_b"),
        deal.freeze("usr_b"),
        deal.claim("usr_b"),
        deal.reclaim("ord_1", "usr_a"),
        deal.adjust(1, "restock"),
        deal.terms(2),
    ):
        with pytest.raises(StaleEpoch) as stale:
            await refused
        assert stale.value.gate_epoch == 1
    for waits in (
        deal.confirm("ord_1", "usr_a"),
        deal.commit("ord_1", "usr_a"),
        deal.release("ord_1", "usr_a"),
    ):
        assert await waits == Settled("OLDER_OR_MISSING", None)
    assert await stock.lapse_holds(DEAL_ID, limit=10) is None
    assert await stock.due_soon(DEAL_ID, within=LONG, limit=10) == []
    assert await stock.read([DEAL_ID]) == {DEAL_ID: None}
    assert await deal.contents() == before


async def test_a_rolled_back_server_is_noticed_by_a_client_that_was_connected(
    server: Server, deal: Deal
) -> None:
    await server.stop()
    copy = server.copy_disk()
    await server.start()
    run_id = await deal.stock.run_id()
    await deal.stock.rebuild(snapshot(DEAL_ID, epoch=2, run_id=run_id))
    await deal.hold("usr_a", 3, epoch=2)

    await server.roll_back(copy)

    assert (await deal.contents())["stock"]["epoch"] == "1"
    with pytest.raises(StaleEpoch):
        await deal.hold("usr_b", epoch=1)


async def test_after_a_rebuild_the_sale_goes_on_with_the_holds_that_survived(
    server: Server, deal: Deal
) -> None:
    await deal.hold("usr_a", 2)
    await server.restart()

    run_id = await deal.stock.run_id()
    counters = await deal.stock.rebuild(snapshot(DEAL_ID, epoch=2, run_id=run_id))

    assert (counters.available, counters.held) == (8, 2)
    assert (await deal.hold("usr_b", epoch=2)).counters.available == 7


async def test_a_gate_built_with_the_run_id_of_another_life_is_stale_at_once(deal: Deal) -> None:
    await deal.stock.rebuild(snapshot(DEAL_ID, epoch=2, run_id="of another life"))

    with pytest.raises(StaleEpoch) as stale:
        await deal.hold("usr_a", epoch=2)

    assert stale.value.gate_epoch == 2


async def test_scripts_that_the_server_forgot_are_loaded_again(deal: Deal) -> None:
    await deal.hold("usr_a")
    await deal.redis.script_flush()

    await asyncio.gather(*(deal.hold(f"usr_{number}") for number in range(5)))
    await deal.redis.script_flush()
    counters = (await deal.stock.read([DEAL_ID, DEAL_ID]))[DEAL_ID]

    assert counters is not None
    assert counters.held == 6
