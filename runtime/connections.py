"""The stores and the provider that a process is connected to, opened once and closed in order."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from beanie import init_beanie
from broadcaster import Broadcast
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis
from tortoise.context import TortoiseContext

from auth.passwords import Passwords
from kit.broadcast import RedisPubSub
from kit.redis_client import open_redis
from kit.settings import Settings
from models.documents import Product
from models.stores import mongo_database, open_mongo, tortoise_config
from notifications.announcements import Announcer
from orders.writer import OrderWriter
from payments.gateway import Gateway
from payments.stripe_gateway import StripeGateway

# Records read one at a time; the hot paths have the other pool.
RECORDS_POOL = 4
# Of one deal, to all processes: what they remember of it must not be older than a quarter of a
# second. Each of them tells its sockets no more often than its setting says.
STOCK_NEWS_PER_SECOND = 10.0
# A statement that takes longer than this holds a lock somebody else needs.
STATEMENT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Connections:
    """What has to be closed again."""

    pool: asyncpg.Pool
    redis: Redis
    mongo: AsyncDatabase[dict[str, Any]]
    broadcast: Broadcast
    hears: Callable[[], bool]
    gateway: Gateway
    announcer: Announcer
    writer: OrderWriter
    passwords: Passwords


@asynccontextmanager
async def open_connections(settings: Settings) -> AsyncIterator[Connections]:
    """Open what a process needs, and close it in reverse order.

    Redis and MongoDB may be away: what needs them says so by itself.

    Raises:
        OSError, asyncpg.PostgresError: Postgres cannot be reached; nothing stays open.
    """
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            asyncpg.create_pool(
                settings.database_url,
                min_size=2,
                max_size=settings.postgres_pool,
                command_timeout=STATEMENT_SECONDS,
                reset=_leave_as_it_is,
            )
        )
        # A lifespan's context variable is invisible in request tasks, hence the global one.
        records = TortoiseContext()
        with records:
            await records.init(
                config=tortoise_config(settings.database_url, pool_size=RECORDS_POOL),
                _enable_global_fallback=True,
            )
        stack.push_async_callback(records.close_connections)
        redis = open_redis(settings.redis_url, connections=settings.redis_pool)
        stack.push_async_callback(redis.aclose)
        mongo = await open_mongo(settings.mongo_url)
        stack.push_async_callback(mongo.close)
        database = mongo_database(mongo)
        await init_beanie(database=database, document_models=[Product], skip_indexes=True)
        backend = RedisPubSub(settings.redis_url, publisher=redis)
        broadcast = await stack.enter_async_context(Broadcast(backend=backend))
        gateway = StripeGateway(settings)
        stack.push_async_callback(gateway.aclose)
        announcer = Announcer(
            broadcast,
            changes_per_second=max(STOCK_NEWS_PER_SECOND, settings.stock_changes_per_second),
        )
        stack.push_async_callback(announcer.aclose)
        writer = await stack.enter_async_context(OrderWriter(pool))
        passwords = Passwords()
        stack.callback(passwords.close)
        yield Connections(
            pool,
            redis,
            database,
            broadcast,
            backend.hears,
            gateway,
            announcer,
            writer,
            passwords,
        )


async def _leave_as_it_is(connection: asyncpg.Connection) -> None:
    """Save the round trip in which asyncpg clears a session that is given back to the pool.

    Nothing here changes a session: no SET, no session's advisory lock, no cursor outside of a
    transaction. One that was left open has been rolled back by now, and listeners are forgotten.
    """
