"""Postgres is set back to an earlier moment, while the provider went on taking money."""

import asyncio
import shutil
from collections import Counter

import asyncpg

from tests.faults.provider import Provider
from tests.faults.scenario import Run, Scenario
from tests.faults.stores import copy_tree

_SALES_SECONDS = 5.0
# Some money has to be at stake, however slow the machine is.
_PAYMENTS_AT_STAKE = 3
_PATIENCE_SECONDS = 20.0
_RECONCILIATIONS = 4


async def _set_back(run: Run) -> None:
    postgres = run.stack.postgres
    backup = run.stack.folder / "backup"
    await asyncio.sleep(run.random.uniform(1.0, 2.0))
    # What a power cut at this moment would leave: a frozen server writes nothing.
    since = run.history.now
    postgres.freeze()
    await asyncio.to_thread(copy_tree, postgres.data / "data", backup)
    postgres.thaw()
    run.note("a backup of postgres was taken")
    await _take_money(run, since)
    postgres.kill()
    run.harmed("postgres is set back to the backup")
    shutil.rmtree(postgres.data / "data")
    shutil.move(backup, postgres.data / "data")
    await postgres.start()
    run.history.lose(since, run.history.now)
    run.note("postgres runs on the backup")


async def _take_money(run: Run, since: float) -> None:
    """Let the sale go on until a few payments are in nobody's backup."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + _PATIENCE_SECONDS:
        paid = [
            one
            for one in run.history.of("pay")
            if one.invoked > since and one.told.get("status") == "succeeded"
        ]
        if len(paid) >= _PAYMENTS_AT_STAKE and loop.time() > began + _SALES_SECONDS:
            break
        await asyncio.sleep(0.1)


async def _reconcile(run: Run) -> None:
    """What an operator does after that, until nothing is found any more."""
    for _ in range(_RECONCILIATIONS):
        code, told = await run.stack.command("reconcile", "--hours", "1")
        for line in told.splitlines():
            if not line.startswith("{"):  # not the log
                run.note(f"reconcile: {line}")
        if code == 0:
            return


async def _verdict(run: Run) -> list[str]:
    """What became of the money that was taken for orders which the backup did not know."""
    paid = {
        operation.asked["intent"]
        for operation in run.history.of("pay")
        if operation.told.get("status") == "succeeded" and run.history.was_lost(operation)
    }
    async with Provider(run.stack.where) as provider:
        books = await provider.books()
    connection = await asyncpg.connect(run.stack.where.database_url)
    try:
        rows = await connection.fetch("SELECT id, status FROM orders")
        drifts = await connection.fetch("SELECT class, count(*) AS found FROM drift GROUP BY 1")
    finally:
        await connection.close()
    orders = {row["id"]: row["status"] for row in rows}
    ends = Counter(
        orders.get(intent["metadata"]["order_id"], "no order")
        for intent in books["intents"]
        if intent["id"] in paid
    )
    run.note(f"orders of the money taken meanwhile: {dict(ends)}")
    run.note(f"drift reported: {[(row['class'], row['found']) for row in drifts]}")
    lines = [] if drifts else ["Postgres was set back, and no drift was reported"]
    if len(paid) < _PAYMENTS_AT_STAKE:
        lines.append(f"HARNESS: only {len(paid)} payments were made after the backup")
    return lines


SCENARIO = Scenario(
    name="restore-from-backup",
    harm="Postgres restored to an earlier moment while payments went on",
    expected="orphan intents found, orders rebuilt or refunded, and reported",
    nemesis=_set_back,
    afterwards=_reconcile,
    verdict=_verdict,
)
