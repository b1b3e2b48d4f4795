"""Money arrives for orders that have ended, by a second intent that nobody here has opened."""

import asyncio

import asyncpg

from tests.faults.evidence import Row
from tests.faults.provider import Provider
from tests.faults.scenario import Run, SaleShape, Scenario

_HARM_SECONDS = 16.0
_MOST = 40
_ENDED = """
SELECT user_id, id, total_minor, currency, status FROM orders
 WHERE status IN ('EXPIRED', 'CANCELLED') AND NOT id = ANY($1) AND paid_by IS NULL
 ORDER BY id
"""


async def _pay(run: Run) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + _HARM_SECONDS
    done: list[str] = []
    async with (
        Provider(run.stack.where) as provider,
        asyncpg.create_pool(run.stack.where.database_url, min_size=1, max_size=1) as pool,
    ):
        while loop.time() < end and len(done) < _MOST:
            ended: list[Row] = [dict(row) for row in await pool.fetch(_ENDED, done)]
            for order in run.random.sample(ended, min(2, len(ended))):
                done.append(order["id"])
                intent = await provider.charge(
                    user_id=order["user_id"],
                    order_id=order["id"],
                    amount_minor=order["total_minor"],
                    currency=order["currency"],
                )
                run.history.mark(f"late {order['id']} {intent}")
                run.harmed(f"{order['id']} is {order['status']}, and {intent} has paid it")
            await asyncio.sleep(run.random.uniform(0.1, 0.6))


async def _verdict(run: Run) -> list[str]:
    """Claimed again or refunded: never both, never neither."""
    lines: list[str] = []
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
    claimed = refunded = 0
    for order_id, intent_id in late:
        order, intent = orders[order_id], intents[intent_id]
        sent_back = intent["amount_refunded"] == intent["amount_received"]
        again = order["status"] == "PAID" and order["paid_by"] == intent_id
        claimed, refunded = claimed + again, refunded + sent_back
        if again == sent_back:
            lines.append(f"{order_id} is {order['status']}, {intent_id} sent back: {sent_back}")
    run.note(f"late money: {claimed} orders claimed again, {refunded} refunded")
    return lines if late else ["HARNESS: nobody paid late"]


SCENARIO = Scenario(
    name="late-payment",
    harm="a second intent is paid after its order has EXPIRED or was CANCELLED",
    expected="claimed again or refunded, never both, never neither",
    nemesis=_pay,
    shape=SaleShape(settings={"payment_seconds": "4"}),
    verdict=_verdict,
)
