"""Two shops in databases of their own: one small, one with a hundred times as much that is over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from models.stores import migrate_postgres
from tests.conftest import Stores
from tests.growth.explained import Tape

GROWTH = 100
_FILLING = Path(__file__).with_name("warehouse.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
async def small(stores: Stores) -> AsyncIterator[Tape]:
    async with shop_of(stores, scale=1) as tape:
        yield tape


@pytest.fixture(scope="session")
async def large(stores: Stores) -> AsyncIterator[Tape]:
    async with shop_of(stores, scale=GROWTH) as tape:
        yield tape


@asynccontextmanager
async def shop_of(stores: Stores, *, scale: int) -> AsyncIterator[Tape]:
    name = f"growth_{scale}"
    server = await asyncpg.connect(stores.database_url)
    await server.execute(f"CREATE DATABASE {name}")
    url = urlsplit(stores.database_url)._replace(path=f"/{name}").geturl()
    await migrate_postgres(url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_FILLING.format(scale=scale))
        # As autovacuum leaves them: statistics, and a visibility map.
        await connection.execute("VACUUM ANALYZE")
        yield Tape(connection)
    finally:
        await connection.close()
        await server.execute(f"DROP DATABASE {name}")
        await server.close()
