"""Opening Postgres and MongoDB, and bringing their schemas up to date."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from beanie import init_beanie
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from tortoise.context import TortoiseContext
from tortoise.migrations.api.migrate import migrate

from models.documents import Product

# Long enough for a server that is starting on the same machine, short enough for a page to wait.
MONGO_ANSWER_MS = 1_000
# 'flashsale' in ASCII; one migration at a time, whoever starts it.
MIGRATION_LOCK = 0x666C617368

MongoDatabase = AsyncDatabase[dict[str, Any]]


def tortoise_config(database_url: str, *, pool_size: int) -> dict[str, Any]:
    """The configuration that Tortoise and its migrations share.

    A socket directory is understood as libpq spells it: postgresql://user@/name?host=/run/pg.
    """
    parts = urlsplit(database_url)
    query = parse_qs(parts.query)
    credentials: dict[str, Any] = {
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password) if parts.password else None,
        "host": query.get("host", [parts.hostname or "localhost"])[0],
        "port": int(query.get("port", [parts.port or 5432])[0]),
        "database": unquote(parts.path.lstrip("/")) or "flashsale",
        "minsize": 1,
        "maxsize": pool_size,
    }
    if "sslmode" in query:
        credentials["ssl"] = query["sslmode"][0]
    return {
        "connections": {
            "default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}
        },
        "apps": {
            "models": {
                "models": ["models.records"],
                "default_connection": "default",
                "migrations": "models.migrations",
            }
        },
    }


async def migrate_postgres(database_url: str) -> None:
    """Bring the schema up to date: our migrations, then the job queue's own.

    May be repeated, and by several processes at once: they take turns.
    """
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        async with TortoiseContext():  # of its own: others of this process keep theirs
            await migrate(config=tortoise_config(database_url, pool_size=2))
        queries = Queries(AsyncpgDriver(connection))
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            await queries.install()
    finally:
        await connection.close()


async def open_mongo(mongo_url: str) -> AsyncMongoClient[dict[str, Any]]:
    """A client that answers or fails within a second, with Beanie's documents bound to it.

    Opening needs no server: while MongoDB is down, products are null and the sale goes on.
    """
    return AsyncMongoClient(
        mongo_url,
        serverSelectionTimeoutMS=MONGO_ANSWER_MS,
        connectTimeoutMS=MONGO_ANSWER_MS,
        socketTimeoutMS=MONGO_ANSWER_MS * 5,
        tz_aware=True,
    )


def mongo_database(client: AsyncMongoClient[dict[str, Any]]) -> MongoDatabase:
    """The database that the URL names, else `flashsale`."""
    return client.get_default_database("flashsale")


async def migrate_mongo(mongo_url: str) -> None:
    """Create the catalogue's indexes. May be repeated."""
    client = await open_mongo(mongo_url)
    try:
        await init_beanie(database=mongo_database(client), document_models=[Product])
    finally:
        await client.close()
