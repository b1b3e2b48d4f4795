"""Everything a running process holds open, opened in one place and handed in by constructors."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
from broadcaster import Broadcast
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from admission.limiter import Limiter
from admission.tally import Tally
from auth.accounts import Accounts
from auth.sessions import Sessions
from inventory.carts import CartIndex
from inventory.stock import Stock
from kit.clock import Clock
from kit.settings import Settings
from notifications.announcements import Announcer
from notifications.mail import Mailer
from orders.abandonment import Abandonment
from orders.adding import Adding
from orders.adoption import Adoption
from orders.all_orders import AllOrders
from orders.archive import Archive
from orders.at_once import AddAtOnce
from orders.cancelling import Cancelling
from orders.cart import Carts
from orders.catalogue import Catalogue
from orders.checkout import Checkouts
from orders.claiming import Claiming
from orders.control_room import ControlRoom
from orders.dealbook import DealBook
from orders.dealdesk import DealDesk
from orders.drift import DriftBook
from orders.gatekeeper import Gatekeeper
from orders.handlers import JobHandlers
from orders.intents import Intents
from orders.late_money import LateMoney
from orders.opening import Opening
from orders.outage import Outage
from orders.paging import Cursors
from orders.placing import Placing
from orders.productbook import ProductBook
from orders.pruning import Pruning
from orders.reconciliation import Reconciliation
from orders.refunding import Refunding
from orders.restocking import Restocking
from orders.safety_stock import SafetyStock
from orders.salereport import SaleReports
from orders.settlement import Settlement
from orders.shelf import DealShelf
from orders.sold_out import SoldOutBoard
from orders.stockboard import StockBoard
from orders.supersession import Supersession
from orders.sweeps import Sweeps
from payments.gateway import Gateway
from runtime.connections import Connections, open_connections
from runtime.reconciling import assemble_reconciliation


@dataclass(frozen=True, slots=True)
class Resources:
    """The stores and the use cases on top of them."""

    settings: Settings
    clock: Clock
    pool: asyncpg.Pool
    redis: Redis
    mongo: AsyncDatabase[dict[str, Any]]
    broadcast: Broadcast
    hears: Callable[[], bool]
    gateway: Gateway
    announcer: Announcer
    mailer: Mailer
    limiter: Limiter
    tally: Tally
    accounts: Accounts
    sessions: Sessions
    stock: Stock
    dealbook: DealBook
    productbook: ProductBook
    shelf: DealShelf
    stockboard: StockBoard
    gatekeeper: Gatekeeper
    sold_out: SoldOutBoard
    catalogue: Catalogue
    dealdesk: DealDesk
    restocking: Restocking
    safety_stock: SafetyStock
    sale_reports: SaleReports
    refunding: Refunding
    carts: Carts
    checkouts: Checkouts
    placing: Placing
    cancelling: Cancelling
    settlement: Settlement
    abandonment: Abandonment
    archive: Archive
    all_orders: AllOrders
    control_room: ControlRoom
    handlers: JobHandlers
    sweeps: Sweeps
    driftbook: DriftBook
    reconciliation: Reconciliation
    pruning: Pruning


@asynccontextmanager
async def open_resources(
    settings: Settings, *, clock: Clock | None = None
) -> AsyncIterator[Resources]:
    """Open what a process needs, and close it in reverse order.

    Redis and MongoDB may be away: what needs them says so by itself.

    Raises:
        OSError, asyncpg.PostgresError: Postgres cannot be reached; nothing stays open.
    """
    async with open_connections(settings) as connections:
        yield _assemble(settings, clock or Clock(), connections)


def _assemble(settings: Settings, clock: Clock, connections: Connections) -> Resources:
    """Put the use cases together; opens nothing."""
    pool, redis, announcer = connections.pool, connections.redis, connections.announcer
    gateway = connections.gateway
    longest_hold = timedelta(seconds=max(settings.hold_seconds, settings.checkout_seconds))
    stock = Stock(redis, longest_hold=longest_hold)
    index = CartIndex(redis)
    cursors = Cursors(settings.secret_key.get_secret_value())
    dealbook = DealBook(connections.hears)
    productbook = ProductBook(connections.mongo, connections.hears)
    sold_out = SoldOutBoard()
    gatekeeper = Gatekeeper(
        stock=stock, pool=pool, dealbook=dealbook, announcer=announcer, sold_out=sold_out
    )
    supersession = Supersession(pool=pool, index=index)
    catalogue = Catalogue(
        pool=pool, dealbook=dealbook, productbook=productbook, announcer=announcer
    )
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
    driftbook = DriftBook(pool=pool, clock=clock)
    tally = Tally(redis)
    limiter = Limiter(redis, settings.limit)
    adding = Adding(
        stock=stock,
        index=index,
        at_once=AddAtOnce(redis, longest_hold=longest_hold),
        limiter=limiter,
        gatekeeper=gatekeeper,
        dealbook=dealbook,
        supersession=supersession,
        announcer=announcer,
        clock=clock,
    )
    adoption = Adoption(pool=pool, gateway=gateway, driftbook=driftbook, clock=clock)
    return Resources(
        settings=settings,
        clock=clock,
        pool=pool,
        redis=redis,
        mongo=connections.mongo,
        broadcast=connections.broadcast,
        hears=connections.hears,
        gateway=gateway,
        announcer=announcer,
        mailer=Mailer(settings, clock),
        limiter=limiter,
        tally=tally,
        accounts=Accounts(connections.passwords, clock),
        sessions=Sessions(pool, clock, settings.session_days),
        stock=stock,
        dealbook=dealbook,
        productbook=productbook,
        shelf=DealShelf(pool=pool, dealbook=dealbook, cursors=cursors, clock=clock),
        stockboard=StockBoard(stock=stock, pool=pool),
        gatekeeper=gatekeeper,
        sold_out=sold_out,
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
        safety_stock=SafetyStock(
            pool=pool, stock=stock, gatekeeper=gatekeeper, announcer=announcer, clock=clock
        ),
        sale_reports=SaleReports(pool=pool),
        refunding=Refunding(pool=pool, announcer=announcer),
        carts=Carts(
            stock=stock,
            index=index,
            adding=adding,
            limiter=limiter,
            sold_out=sold_out,
            gatekeeper=gatekeeper,
            dealbook=dealbook,
            clock=clock,
            settings=settings,
        ),
        checkouts=checkouts,
        placing=Placing(
            index=index,
            claiming=claiming,
            outage=outage,
            writer=connections.writer,
            abandonment=abandonment,
            opening=Opening(intents=intents, gateway=gateway),
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
        all_orders=AllOrders(pool=pool, cursors=cursors),
        control_room=ControlRoom(pool=pool, driftbook=driftbook, tally=tally, clock=clock),
        handlers=JobHandlers(
            pool=pool,
            stock=stock,
            gatekeeper=gatekeeper,
            settlement=settlement,
            intents=intents,
            adoption=adoption,
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
        driftbook=driftbook,
        reconciliation=assemble_reconciliation(
            pool=pool,
            stock=stock,
            gateway=gateway,
            gatekeeper=gatekeeper,
            abandonment=abandonment,
            adoption=adoption,
            intents=intents,
            settlement=settlement,
            driftbook=driftbook,
            clock=clock,
        ),
        pruning=Pruning(pool=pool, stock=stock, clock=clock),
    )
