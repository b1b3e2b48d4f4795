"""The hot paths, each done for one request or one pass, on a shop of any size."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Final, cast, get_args

import asyncpg
import pytest

from auth.errors import Unauthenticated
from auth.sessions import Sessions
from kit.clock import Clock
from kit.ids import new_id
from kit.money import Money
from kit.settings import load_settings
from models.records import Deal
from orders.abandonment import Abandonment
from orders.all_orders import AllOrders
from orders.archive import Archive
from orders.batch import place_batch
from orders.drafts import Draft, DraftLine, Placed
from orders.intents import Intents, OrderKey
from orders.paging import Cursors
from orders.phases import Phase
from orders.settlement import Settlement
from orders.shelf import DealShelf, Sort
from orders.statements import sql
from orders.supersession import Supersession
from orders.sweeps import Sweeps
from payments.events import Event, mark_handled, receive, requeue_unhandled
from tests.growth.explained import Tape
from tests.orders.provider import Provider

Path = Callable[[Tape], Awaitable[object]]
PATHS: Final[dict[str, Path]] = {}

NOBODY: Final = new_id("usr")
HEAVY: Final = "usr_" + "0" * 26  # the buyer who has a tenth of all orders
CURSORS: Final = Cursors("a-secret-of-these-tests")


def number(kind: str, n: int) -> str:
    return f"{kind}_{n:026d}"


def path(name: str) -> Callable[[Path], Path]:
    def put(one: Path) -> Path:
        PATHS[name] = one
        return one

    return put


class NoBook:
    """A cache that knows nothing; what it would read is a path of its own."""

    async def many(self, _: Any) -> dict[str, Any]:
        return {}


def _pool(tape: Tape) -> asyncpg.Pool:
    return cast("asyncpg.Pool", tape)


def _list_of(sort: Sort, phase: Phase | None, category: str | None) -> Path:
    async def read(tape: Tape) -> None:
        shelf = DealShelf(
            pool=_pool(tape), dealbook=cast("Any", NoBook()), cursors=CURSORS, clock=Clock()
        )
        await shelf.page(phase=phase, category=category, sort=sort, first=20, after=None)

    return read


for _sort, _phase, _category in product(
    get_args(Sort), (None, *get_args(Phase)), (None, "Category 3")
):
    PATHS[f"deals by {_sort}, {_phase or 'any'}, {_category or 'all'}"] = _list_of(
        _sort, _phase, _category
    )


@path("deals by id")
async def deals_by_id(tape: Tape) -> None:
    read = Deal.filter(id__in=[number("deal", n) for n in range(1, 21)])
    await tape.fetch(read.sql(params_inline=True))


@path("a session")
async def session(tape: Tape) -> None:
    sessions = Sessions(_pool(tape), Clock(), 30)
    with pytest.raises(Unauthenticated):
        await sessions.viewer("fss_" + "x" * 43)


@path("checkout")
async def checkout(tape: Tape) -> None:
    deals = [number("deal", n) for n in (1, 2, 3)]
    await tape.fetch(sql("begin_checkout"), HEAVY, number("chk", 10), deals)
    await tape.execute(
        "INSERT INTO checkouts (user_id, id, lines, total_minor, currency, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING true",
        HEAVY, new_id("chk"), "[]", 1, "USD", datetime.now(UTC),
    )  # fmt: skip
    await tape.fetchrow(
        "SELECT * FROM checkouts WHERE user_id = $1 AND id = $2", HEAVY, number("chk", 10)
    )


@path("a checkout that is superseded")
async def superseded(tape: Tape) -> None:
    class NoIndex:
        async def clear_checkout(self, *_: str) -> None:
            pass

    supersession = Supersession(pool=_pool(tape), index=cast("Any", NoIndex()))
    await supersession.cart_changed(HEAVY, number("chk", 10))


@path("placeOrder, before the claim")
async def order_to_place(tape: Tape) -> None:
    users = [HEAVY, *(number("usr", n) for n in range(1, 20))]
    keys, checkouts = ["key"] * 20, [number("chk", n) for n in range(10, 30)]
    await tape.fetch(sql("order_to_place"), users, keys, checkouts)


def drafts() -> list[Draft]:
    now = datetime.now(UTC)
    return [
        Draft(
            user_id=user_id,
            checkout_id=new_id("chk"),
            lines=tuple(DraftLine(number("deal", n), "Deal", 1, 1_000, 1) for n in (1, 2, 3)),
            total=Money(3_000, "USD"),
            placed_at=now,
            payment_due_at=now + timedelta(minutes=15),
            key=new_id("req"),
            request_hash=b"r",
        )
        for user_id in (NOBODY, HEAVY, *(number("usr", n) for n in range(1, 7)))
    ]


@path("placeOrder, a batch of eight")
async def batch(tape: Tape) -> None:
    outcomes = await place_batch(cast("asyncpg.Connection", tape), drafts())
    assert all(isinstance(outcome, Placed) for outcome in outcomes)


@path("placeOrder, a batch of eight that is looked up first")
async def careful_batch(tape: Tape) -> None:
    await place_batch(cast("asyncpg.Connection", tape), drafts(), look_first=True)


@path("placeOrder, its intent")
async def intent(tape: Tape) -> None:
    order = number("ord", 30)
    provider = Provider(order, {"pi_1": "REQUIRES_PAYMENT"})
    intents = Intents(pool=_pool(tape), gateway=provider)
    await intents.open(OrderKey(HEAVY, order, "FS-30", Money(3_000, "USD")))


@path("an order that is given up")
async def abandoned(tape: Tape) -> None:
    abandonment = Abandonment(pool=_pool(tape), clock=Clock())
    await abandonment.abandon(HEAVY, new_id("ord"), [(number("deal", 1), 1)])


@path("an order by id")
async def order(tape: Tape) -> None:
    assert await Archive(pool=_pool(tape), cursors=CURSORS).order(HEAVY, number("ord", 30))


@path("my orders")
async def my_orders(tape: Tape) -> None:
    archive = Archive(pool=_pool(tape), cursors=CURSORS)
    page = await archive.page(HEAVY, first=20, after=None)
    await archive.page(HEAVY, first=20, after=page.cursors[4])


@path("everybody's orders")
async def all_orders(tape: Tape) -> None:
    orders = AllOrders(pool=_pool(tape), cursors=CURSORS)
    page = await orders.page(status=None, deal_id=None, first=20, after=None)
    await orders.page(status=None, deal_id=None, first=20, after=page.cursors[4])


@path("a payment's event")
async def event(tape: Tape) -> None:
    one = Event(new_id("req"), "payment_intent.succeeded", "pi_30", number("ord", 30), HEAVY, {})
    connection = cast("asyncpg.Connection", tape)
    await receive(connection, one)
    await mark_handled(connection, one.id)


@path("an order that is paid")
async def paid(tape: Tape) -> None:
    order_id = number("ord", 30)
    settlement = Settlement(
        pool=_pool(tape),
        intents=Intents(
            pool=_pool(tape),
            gateway=Provider(order_id, {"pi_30": "SUCCEEDED"}, paid_minor=3_000),
        ),
        late_money=cast("Any", None),
        announcer=cast("Any", Silent()),
        clock=Clock(),
    )
    await settlement.settle(HEAVY, order_id)


class Silent:
    """Tells nobody anything."""

    def order(self, *_: str) -> None:
        pass


@path("the sweeps of every few seconds")
async def sweeps(tape: Tape) -> None:
    swept = Sweeps(
        pool=_pool(tape),
        stock=cast("Any", None),
        gatekeeper=cast("Any", None),
        dealbook=cast("Any", None),
        abandonment=cast("Any", None),
        announcer=cast("Any", Silent()),
        clock=Clock(),
        settings=load_settings(),
    )
    assert await swept.expire_orders() == 10
    assert await swept.poll_payments()
    await swept._active()  # noqa: SLF001 - what the sweeps of holds and gates begin with
    await tape.fetch(sql("deals_to_release"), "", datetime.now(UTC), 100)


@path("events that nobody handles")
async def unhandled(tape: Tape) -> None:
    await requeue_unhandled(cast("asyncpg.Connection", tape), limit=200)
