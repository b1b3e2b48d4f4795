"""Up to five hundred orders are paid within the last moments before their deadline."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from tests.faults.opening import Person
from tests.faults.promise_checks import frozen_holds_kept
from tests.faults.provider import Provider
from tests.faults.scenario import Run, SaleShape, Scenario

_MOST_ORDERS = 500
# A busy machine places as many in a second; a short run is satisfied with fewer.
_ORDERS_PER_SECOND = 12
_DEALS = 4
_AT_ONCE = 24
_LAST_MOMENT_SECONDS = 0.05
_PAYMENT_SECONDS = 12


def _orders(run: Run) -> int:
    return min(_MOST_ORDERS, round(run.seconds * _ORDERS_PER_SECOND))


async def _pay_at_the_last_moment(run: Run) -> None:
    turns = asyncio.Semaphore(_AT_ONCE)
    extras = enumerate(run.crowd.sale.extras[: _orders(run)])
    placed = await asyncio.gather(*(_buy(run, number, person, turns) for number, person in extras))
    run.note(f"{sum(placed)} orders were paid in the last {_LAST_MOMENT_SECONDS * 1000:.0f} ms")


async def _buy(run: Run, number: int, person: Person, turns: asyncio.Semaphore) -> bool:
    """Place an order as soon as it is one's turn, then wait for its last moment."""
    shopper, closing = run.crowd.send(person), run.crowd.closing
    deals = run.crowd.sale.deals
    async with turns:
        order = await shopper.buy(deals[number % len(deals)], 1, closing)
        payment = await shopper.payment(order, closing) if order is not None else None
    if order is None or payment is None:
        return False
    await _until(order, run.random.uniform(0.0, _LAST_MOMENT_SECONDS))
    run.faults += 1
    await run.crowd.shop.pay(person, order["id"], payment, "pm_card_visa")
    return True


async def _until(order: dict[str, Any], before_seconds: float) -> None:
    due = datetime.fromisoformat(order["paymentDueAt"])
    left = due - timedelta(seconds=before_seconds) - datetime.now(UTC)
    await asyncio.sleep(max(0.0, left.total_seconds()))


async def _verdict(run: Run) -> list[str]:
    """Each of them is PAID with its units, or EXPIRED and never charged."""
    extras = [person.user_id for person in run.crowd.sale.extras]
    connection = await asyncpg.connect(run.stack.where.database_url)
    try:
        orders = await connection.fetch(
            "SELECT id, status, owns_units FROM orders WHERE user_id = ANY($1)", extras
        )
    finally:
        await connection.close()
    async with Provider(run.stack.where) as provider:
        charged = Counter(
            intent["metadata"]["order_id"]
            for intent in (await provider.books())["intents"]
            if intent["amount_received"]
        )
    ends = Counter((row["status"], row["owns_units"], charged[row["id"]]) for row in orders)
    run.note(f"(status, owns units, charges): {dict(ends)}")
    lines = [
        f"{times} orders at their deadline are {status}, own units: {owns}, charges: {charges}"
        for (status, owns, charges), times in ends.items()
        if (status, owns, charges) not in (("PAID", True, 1), ("EXPIRED", False, 0))
    ]
    if len(orders) < _orders(run):
        lines.append(f"HARNESS: {len(orders)} orders were placed, not {_orders(run)}")
    return lines + frozen_holds_kept(run.history)


SCENARIO = Scenario(
    name="expiry-versus-payment",
    harm=f"{_MOST_ORDERS} orders are paid within the last 50 ms of their deadline",
    expected="each PAID with its units, or EXPIRED and never charged",
    nemesis=_pay_at_the_last_moment,
    shape=SaleShape(
        buyers=8,
        extras=_MOST_ORDERS,
        deals=_DEALS,
        allotment=_MOST_ORDERS // _DEALS + 20,
        settings={"payment_seconds": str(_PAYMENT_SECONDS)},
    ),
    verdict=_verdict,
)
