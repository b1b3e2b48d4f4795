"""Money arrives for orders that have ended, by a second intent that nobody here has opened."""

import asyncio

import asyncpg

from tests.faults.opening import Person
from tests.faults.promise_checks import frozen_holds_kept
from tests.faults.provider import Provider
from tests.faults.scenario import Run, SaleShape, Scenario

# So long the crowd's own orders are paid late; each latecomer has longer on a busy machine.
_HARM_SECONDS = 8.0
_PATIENCE_SECONDS = 40.0
_EXTRAS = 8
_LIMIT = 2
_LOOK_SECONDS = 0.3
_ENDED = """
SELECT user_id, id, total_minor, currency, status FROM orders
 WHERE status IN ('EXPIRED', 'CANCELLED') AND paid_by IS NULL AND NOT id = ANY($1)
   AND ($2 = '' OR id = $2)
 ORDER BY id
"""


class _Latecomers:
    """Pays for orders that have ended."""

    def __init__(self, run: Run, provider: Provider, pool: asyncpg.Pool) -> None:
        self._run = run
        self._provider = provider
        self._pool = pool
        self._done: list[str] = []
        self._began = asyncio.get_running_loop().time()

    async def pay_for_any(self) -> None:
        """Orders of the crowd that have expired or were cancelled."""
        while self._younger_than(_HARM_SECONDS):
            if not await self._pay(""):
                await asyncio.sleep(_LOOK_SECONDS)

    async def change_mind(self, number: int, person: Person) -> None:
        """Buy, cancel, and pay all the same; every other one has filled the limit meanwhile."""
        run = self._run
        shopper, closing = run.crowd.send(person), run.crowd.closing
        deal = run.crowd.sale.deals[number % len(run.crowd.sale.deals)]
        order = await shopper.buy(deal, _LIMIT, closing)
        if order is None:
            return
        await shopper.end(order, "cancels", closing)
        if number % 2:
            again = await shopper.buy(deal, _LIMIT, closing)
            if again is not None:
                await shopper.end(again, "pays", closing)
        while self._younger_than(_PATIENCE_SECONDS) and not await self._pay(order["id"]):
            await asyncio.sleep(_LOOK_SECONDS)

    async def _pay(self, order_id: str) -> bool:
        """Pay for an order that has ended, or for this one if it has; whether it was paid."""
        row = await self._pool.fetchrow(_ENDED, self._done, order_id)
        if row is None:
            return False
        self._done.append(row["id"])
        intent = await self._provider.charge(
            user_id=row["user_id"],
            order_id=row["id"],
            amount_minor=row["total_minor"],
            currency=row["currency"],
        )
        self._run.history.mark(f"late {row['id']} {intent}")
        self._run.harmed(f"{row['id']} is {row['status']}, and {intent} has paid it")
        return True

    def _younger_than(self, seconds: float) -> bool:
        return asyncio.get_running_loop().time() < self._began + seconds


async def _pay_late(run: Run) -> None:
    async with (
        Provider(run.stack.where) as provider,
        asyncpg.create_pool(run.stack.where.database_url, min_size=1, max_size=4) as pool,
    ):
        late = _Latecomers(run, provider, pool)
        extras = enumerate(run.crowd.sale.extras)
        await asyncio.gather(
            late.pay_for_any(), *(late.change_mind(number, person) for number, person in extras)
        )


async def _verdict(run: Run) -> list[str]:
    """Claimed again or refunded: never both, never neither."""
    late = [name.split()[1:] for _, name in run.history.marks if name.startswith("late ")]
    connection = await asyncpg.connect(run.stack.where.database_url)
    try:
        rows = await connection.fetch(
            "SELECT id, status, paid_by FROM orders WHERE id = ANY($1)", [one for one, _ in late]
        )
    finally:
        await connection.close()
    async with Provider(run.stack.where) as provider:
        intents = {intent["id"]: intent for intent in (await provider.books())["intents"]}
    orders = {row["id"]: row for row in rows}
    lines: list[str] = []
    claimed = refunded = 0
    for order_id, intent_id in late:
        order, intent = orders[order_id], intents[intent_id]
        sent_back = intent["amount_refunded"] == intent["amount_received"]
        again = order["status"] == "PAID" and order["paid_by"] == intent_id
        claimed, refunded = claimed + again, refunded + sent_back
        if again == sent_back:
            lines.append(f"{order_id} is {order['status']}, {intent_id} sent back: {sent_back}")
    run.note(f"late money: {claimed} orders claimed again, {refunded} refunded")
    if not (claimed and refunded):
        lines.append(f"HARNESS: {claimed} claimed again, {refunded} refunded shows too little")
    return lines + frozen_holds_kept(run.history)


SCENARIO = Scenario(
    name="late-payment",
    harm="a second intent is paid after its order has EXPIRED or was CANCELLED",
    expected="claimed again or refunded, never both, never neither",
    nemesis=_pay_late,
    shape=SaleShape(
        buyers=20,
        extras=_EXTRAS,
        allotment=24,
        purchase_limit=_LIMIT,
    ),
    verdict=_verdict,
)
