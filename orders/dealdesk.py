"""The operator's desk: deals are created, edited, paused, resumed, ended and deleted."""

from datetime import datetime

import asyncpg
import structlog
from redis.exceptions import RedisError

from inventory.stock import Stock
from kit.clock import Clock
from kit.ids import is_id, new_id
from kit.money import Money, discount_percent
from kit.settings import Settings
from notifications.announcements import Announcer
from orders import jobs
from orders.catalogue import Catalogue
from orders.dealbook import DealBook
from orders.errors import InvalidInput, NotFound, TryLater
from orders.gatekeeper import Gatekeeper
from orders.ledger import OPENING_NOTE, Connection, LedgerPage, LockedDeal, lock_deals
from orders.offer import (
    NewDeal,
    ReleaseRule,
    check_limit,
    check_prices,
    check_release,
    check_units,
    check_window,
)
from orders.phases import phase_of
from orders.text import check_line

log = structlog.get_logger()


class DealDesk:
    """Changes deals in Postgres first, then tells the gate (protocol rule 11)."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        stock: Stock,
        gatekeeper: Gatekeeper,
        catalogue: Catalogue,
        dealbook: DealBook,
        announcer: Announcer,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._pool = pool
        self._stock = stock
        self._gatekeeper = gatekeeper
        self._catalogue = catalogue
        self._dealbook = dealbook
        self._announcer = announcer
        self._clock = clock
        self._currency = settings.currency

    async def create(self, new: NewDeal, *, actor: str) -> str:
        """Create a deal and open its gate; the id. Not idempotent.

        Raises:
            NotFound: there is no such product.
            InvalidInput: a value cannot be used. In both cases nothing was written.
            TryLater: the catalogue is out of reach; nothing was written.
        """
        title = check_line("title", new.title, most=200)
        check_prices(new.price, new.list_price, currency=self._currency)
        check_window(new.starts_at, new.ends_at)
        check_units("allotment", new.allotment)
        check_units("safetyStock", new.safety_stock, besides=new.allotment)
        check_limit(new.purchase_limit)
        check_release(new.release, new.ends_at)
        category = await self._catalogue.category_of(new.product_id)
        if category is None:
            raise NotFound("product")
        deal_id = new_id("deal")
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO deals (id, product_id, category, title, price_minor,"
                " list_price_minor, currency, discount_percent, starts_at, ends_at,"
                " purchase_limit, created_at, updated_at, release_when_sold_out, release_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14)",
                deal_id,
                new.product_id,
                category,
                title,
                new.price.amount_minor,
                new.list_price.amount_minor,
                self._currency,
                discount_percent(
                    price_minor=new.price.amount_minor,
                    list_price_minor=new.list_price.amount_minor,
                ),
                new.starts_at,
                new.ends_at,
                new.purchase_limit,
                now,
                new.release.when_sold_out,
                new.release.at,
            )
            await connection.execute(
                "INSERT INTO deal_stock (deal_id, allotment, safety_stock) VALUES ($1, 0, $2)",
                deal_id,
                new.safety_stock,
            )
            page = LedgerPage(now=now)
            deals = await lock_deals(connection, [deal_id])
            page.move(deals[deal_id], "OPENED", new.allotment, actor=actor, note=OPENING_NOTE)
            if new.safety_stock:
                page.move(deals[deal_id], "WITHHELD", new.safety_stock, actor=actor)
            await page.write(connection)
        try:
            await self._gatekeeper.rebuild(deal_id, above=0)
        except (RedisError, OSError) as error:
            log.warning("gate_opens_later", deal_id=deal_id, error=repr(error))
        self._announcer.deal(deal_id)
        return deal_id

    async def update(
        self,
        deal_id: str,
        *,
        title: str | None = None,
        price: Money | None = None,
        list_price: Money | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        purchase_limit: int | None = None,
        release: ReleaseRule | None = None,
    ) -> str:
        """Change what is given; checkouts keep the prices they fixed. May be repeated.

        Raises:
            NotFound, InvalidInput: nothing was written.
        """
        changes = (title, price, list_price, starts_at, ends_at, purchase_limit, release)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lock(connection, deal_id)
            if all(change is None for change in changes):
                return deal_id
            row = await connection.fetchrow("SELECT * FROM deals WHERE id = $1", deal_id)
            assert row is not None
            currency = row["currency"]
            price = price or Money(row["price_minor"], currency)
            list_price = list_price or Money(row["list_price_minor"], currency)
            starts_at = starts_at or row["starts_at"]
            rule = release or ReleaseRule(row["release_when_sold_out"], row["release_at"])
            if release or ends_at:
                check_release(rule, ends_at or row["ends_at"])
            ends_at = ends_at or row["ends_at"]
            purchase_limit = row["purchase_limit"] if purchase_limit is None else purchase_limit
            check_prices(price, list_price, currency=self._currency)
            check_window(starts_at, ends_at)
            check_limit(purchase_limit)
            await connection.execute(
                "UPDATE deals SET title = $2, price_minor = $3, list_price_minor = $4,"
                " discount_percent = $5, starts_at = $6, ends_at = $7, purchase_limit = $8,"
                " release_when_sold_out = $9, release_at = $10,"
                " revision = revision + 1, updated_at = now() WHERE id = $1",
                deal_id,
                row["title"] if title is None else check_line("title", title, most=200),
                price.amount_minor,
                list_price.amount_minor,
                discount_percent(
                    price_minor=price.amount_minor, list_price_minor=list_price.amount_minor
                ),
                starts_at,
                ends_at,
                purchase_limit,
                rule.when_sold_out,
                rule.at,
            )
            await jobs.stage(connection, jobs.DEAL_CHANGED, {"deal_id": deal_id})
        await self._tell_now(deal_id)
        return deal_id

    async def pause(self, deal_id: str) -> str:
        """Take a deal off sale for a while; holds stay. May be repeated.

        Raises:
            NotFound: there is no such deal.
            InvalidInput: it has ended.
        """
        return await self._set_terms(
            deal_id,
            "UPDATE deals SET paused_at = $2, revision = revision + 1, updated_at = $2"
            " WHERE id = $1 AND paused_at IS NULL RETURNING true",
        )

    async def resume(self, deal_id: str) -> str:
        """Put a paused deal back on sale. May be repeated.

        Raises:
            NotFound: there is no such deal.
            InvalidInput: it has ended.
        """
        return await self._set_terms(
            deal_id,
            "UPDATE deals SET paused_at = NULL, revision = revision + 1, updated_at = $2"
            " WHERE id = $1 AND paused_at IS NOT NULL RETURNING true",
        )

    async def end(self, deal_id: str) -> str:
        """End a deal now; checkouts that are frozen may still be placed. May be repeated.

        Raises:
            NotFound: there is no such deal.
        """
        return await self._set_terms(
            deal_id,
            "UPDATE deals SET ends_at = least(ends_at, $2), starts_at = least(starts_at, $2),"
            " revision = revision + 1, updated_at = $2 WHERE id = $1 RETURNING true",
            even_ended=True,
        )

    async def delete(self, deal_id: str) -> str:
        """Delete a deal that nobody has ordered or holds; whoever is about to is too late.

        Raises:
            NotFound: there is no such deal.
            InvalidInput: it has orders, or is in carts; nothing was written.
        """
        counters = (await self._stock.read([deal_id]))[deal_id] if is_id("deal", deal_id) else None
        in_carts = 0 if counters is None else counters.held
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lock(connection, deal_id)
            ordered = await connection.fetchval(
                "SELECT EXISTS (SELECT FROM order_lines WHERE deal_id = $1)", deal_id
            )
            if ordered:
                raise InvalidInput("dealId", "This deal has orders. End it instead.")
            if in_carts:
                raise InvalidInput("dealId", f"{in_carts} of its units are in carts. End it first.")
            await connection.execute("DELETE FROM deals WHERE id = $1", deal_id)
        try:
            await self._stock.close(deal_id)
        except (RedisError, OSError) as error:
            log.warning("gate_left_behind", deal_id=deal_id, error=repr(error))
        self._dealbook.drop(deal_id)
        self._announcer.deal(deal_id)
        return deal_id

    async def tell_gate(self, deal_id: str) -> None:
        """Tell the gate and everybody a deal's present terms.

        May be repeated. Everybody is told each time: that the gate knew them does not say that the
        announcement of who changed them was heard.

        Raises:
            TryLater: Redis is out of reach; repeat.
        """
        self._dealbook.drop(deal_id)
        deal = await self._dealbook.get(deal_id)
        if deal is not None:
            await self._gatekeeper.tell_terms(deal)
        self._announcer.deal(deal_id)

    async def _tell_now(self, deal_id: str) -> None:
        """Tell everybody what was just written; the job staged with it makes it sure."""
        self._dealbook.drop(deal_id)
        deal = await self._dealbook.get(deal_id)
        try:
            if deal is not None:
                await self._gatekeeper.tell_terms(deal)
        except TryLater as later:
            log.warning("gate_told_later", deal_id=deal_id, reason=later.reason)
        self._announcer.deal(deal_id)

    async def _set_terms(self, deal_id: str, statement: str, *, even_ended: bool = False) -> str:
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            deal = await self._lock(connection, deal_id)
            if phase_of(deal, now) == "ENDED":
                if even_ended:
                    return deal_id
                raise InvalidInput("dealId", "This deal has ended.")
            if not await connection.fetchval(statement, deal_id, now):
                return deal_id  # it is so already
            await jobs.stage(connection, jobs.DEAL_CHANGED, {"deal_id": deal_id})
        await self._tell_now(deal_id)
        return deal_id

    async def _lock(self, connection: Connection, deal_id: str) -> LockedDeal:
        if not is_id("deal", deal_id):
            raise NotFound("deal")
        deals = await lock_deals(connection, [deal_id])
        if deal_id not in deals:
            raise NotFound("deal")
        return deals[deal_id]
