"""Everything a running process holds open, opened in one place and handed in by constructors."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
from beanie import init_beanie
from broadcaster import Broadcast
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis
from tortoise.context import TortoiseContext

from admission.limiter import Limiter
from auth.accounts import Accounts
from auth.passwords import Passwords
from auth.sessions import Sessions
from inventory.carts import CartIndex
from inventory.stock import Stock
from kit.broadcast import RedisPubSub
from kit.clock import Clock
from kit.redis_client import open_redis
from kit.settings import Settings
from models.documents import Product
from models.stores import mongo_database, open_mongo, tortoise_config
from notifications.announcements import Announcer
from notifications.mail import Mailer
from orders.abandonment import Abandonment
from orders.archive import Archive
from orders.cancelling import Cancelling
from orders.cart import Carts
from orders.catalogue import Catalogue
from orders.checkout import Checkouts
from orders.claiming import Claiming
from orders.dealbook import DealBook
from orders.dealdesk import DealDesk
from orders.gatekeeper import Gatekeeper
from orders.handlers import JobHandlers
from orders.intents import Intents
from orders.late_money import LateMoney
from orders.outage import Outage
from orders.paging import Cursors
from orders.placing import Placing
from orders.refunding import Refunding
from orders.restocking import Restocking
from orders.settlement import Settlement
from orders.shelf import DealShelf
from orders.stockboard import StockBoard
from orders.supersession import Supersession
from orders.sweeps import Sweeps
from orders.writer import OrderWriter
from payments.gateway import Gateway
from payments.stripe_gateway import StripeGateway

# Records read one at a time; the hot paths have the other pool.
RECORDS_POOL = 4
# A statement that takes longer than this holds a lock somebody else needs.
STATEMENT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Resources:
    """The stores and the use cases on top of them."""

    settings: Settings
    clock: Clock
    pool: asyncpg.Pool
    redis: Redis
    mongo: AsyncDatabase[dict[str, Any]]
    broadcast: Broadcast
    gateway: Gateway
    announcer: Announcer
    mailer: Mailer
    limiter: Limiter
    accounts: Accounts
    sessions: Sessions
    stock: Stock
    dealbook: DealBook
    shelf: DealShelf
    stockboard: StockBoard
    gatekeeper: Gatekeeper
    catalogue: Catalogue
    dealdesk: DealDesk
    restocking: Restocking
    refunding: Refunding
    carts: Carts
    checkouts: Checkouts
    placing: Placing
    cancelling: Cancelling
    settlement: Settlement
    abandonment: Abandonment
    archive: Archive
    handlers: JobHandlers
    sweeps: Sweeps


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None
) -> AsyncIterator[Resources]:
    """Open what a process needs, and close it in reverse order.

    Redis and MongoDB may be away: what needs them says so by itself.

    Raises:
        OSError, asyncpg.PostgresError: Postgres cannot be reached; nothing stays open.
    """
    clock = clock or Clock()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            asyncpg.create_pool(
                settings.database_url,
                min_size=2,
                max_size=settings.postgres_pool,
                command_timeout=STATEMENT_SECONDS,
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
        broadcast = await stack.enter_async_context(
            Broadcast(backend=RedisPubSub(settings.redis_url, publisher=redis))
        )
        gateway = StripeGateway(settings)
        stack.push_async_callback(gateway.aclose)
        announcer = Announcer(broadcast)
        stack.push_async_callback(announcer.aclose)
        writer = await stack.enter_async_context(OrderWriter(pool))
        passwords = Passwords()
        stack.callback(passwords.close)
        yield _assemble(
            settings=settings,
            clock=clock,
            pool=pool,
            redis=redis,
            database=database,
            broadcast=broadcast,
            gateway=gateway,
            announcer=announcer,
            writer=writer,
            passwords=passwords,
        )


def _assemble(
    *,
    settings: Settings,
    clock: Clock,
    pool: asyncpg.Pool,
    redis: Redis,
    database: AsyncDatabase[dict[str, Any]],
    broadcast: Broadcast,
    gateway: Gateway,
    announcer: Announcer,
    writer: OrderWriter,
    passwords: Passwords,
) -> Resources:
    """Put the use cases together; opens nothing."""
    longest_hold = timedelta(seconds=max(settings.hold_seconds, settings.checkout_seconds))
    stock = Stock(redis, longest_hold=longest_hold)
    index = CartIndex(redis)
    cursors = Cursors(settings.secret_key.get_secret_value())
    dealbook = DealBook()
    gatekeeper = Gatekeeper(stock=stock, pool=pool, dealbook=dealbook, announcer=announcer)
    supersession = Supersession(pool=pool, index=index)
    catalogue = Catalogue(pool=pool, dealbook=dealbook, announcer=announcer)
    abandonment = Abandonment(pool=pool, clock=clock)
    intents = Intents(pool=pool, gateway=gateway)
    settlement = Settlement(
        pool=pool,
        intents=intents,
        late_money=LateMoney(pool=pool, stock=stock, gatekeeper=gatekeeper, dealbook=dealbook),
        announcer=announcer,
        clock=clock,
    )
    checkouts = Checkouts(
        stock=stock,
        index=index,
        gatekeeper=gatekeeper,
        supersession=supersession,
        pool=pool,
        announcer=announcer,
        clock=clock,
        settings=settings,
    )
    outage = Outage(stock, orders_per_second=settings.gate_down_orders_per_second)
    claiming = Claiming(
        stock=stock,
        gatekeeper=gatekeeper,
        outage=outage,
        abandonment=abandonment,
        dealbook=dealbook,
        clock=clock,
    )
    dealdesk = DealDesk(
        pool=pool,
        stock=stock,
        gatekeeper=gatekeeper,
        catalogue=catalogue,
        dealbook=dealbook,
        announcer=announcer,
        clock=clock,
        settings=settings,
    )
    return Resources(
        settings=settings,
        clock=clock,
        pool=pool,
        redis=redis,
        mongo=database,
        broadcast=broadcast,
        gateway=gateway,
        announcer=announcer,
        mailer=Mailer(settings, clock),
        limiter=Limiter(redis, settings.limit),
        accounts=Accounts(passwords, clock),
        sessions=Sessions(pool, clock, settings.session_days),
        stock=stock,
        dealbook=dealbook,
        shelf=DealShelf(pool=pool, dealbook=dealbook, cursors=cursors, clock=clock),
        stockboard=StockBoard(stock=stock, pool=pool),
        gatekeeper=gatekeeper,
        catalogue=catalogue,
        dealdesk=dealdesk,
        restocking=Restocking(
            pool=pool,
            stock=stock,
            gatekeeper=gatekeeper,
            dealbook=dealbook,
            announcer=announcer,
            clock=clock,
        ),
        refunding=Refunding(pool=pool, announcer=announcer),
        carts=Carts(
            stock=stock,
            index=index,
            gatekeeper=gatekeeper,
            dealbook=dealbook,
            supersession=supersession,
            announcer=announcer,
            clock=clock,
            settings=settings,
        ),
        checkouts=checkouts,
        placing=Placing(
            checkouts=checkouts,
            stock=stock,
            index=index,
            claiming=claiming,
            outage=outage,
            writer=writer,
            abandonment=abandonment,
            intents=intents,
            dealbook=dealbook,
            pool=pool,
            announcer=announcer,
            clock=clock,
            settings=settings,
        ),
        cancelling=Cancelling(settlement=settlement),
        settlement=settlement,
        abandonment=abandonment,
        archive=Archive(pool=pool, cursors=cursors),
        handlers=JobHandlers(
            pool=pool,
            stock=stock,
            gatekeeper=gatekeeper,
            settlement=settlement,
            intents=intents,
            dealdesk=dealdesk,
        ),
        sweeps=Sweeps(
            pool=pool,
            stock=stock,
            gatekeeper=gatekeeper,
            dealbook=dealbook,
            abandonment=abandonment,
            announcer=announcer,
            clock=clock,
            settings=settings,
        ),
    )
