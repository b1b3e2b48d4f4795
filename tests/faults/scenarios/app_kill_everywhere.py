"""Programs kill themselves at one named point after the other, and go on as new ones."""

import asyncio
import contextlib
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from inventory.keys import DealKeys
from tests.faults.crash_points import LABELS
from tests.faults.provider import Provider
from tests.faults.scenario import Run, SaleShape, Scenario

_HARM_SECONDS = 34.0
# A busy sale passes most points many times a second; what is rarer is brought about.
_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.02
_FEWEST_KILLS = 3
# Without a common divisor with the number of points.
_STRIDE = 7
_ORDER = "crash"
# What can be paid once more: its second payment takes the units again, or is sent back.
_FOR_A_SECOND_PAYMENT = {
    "reclaim": "status IN ('EXPIRED', 'CANCELLED') AND paid_by IS NULL",
    "refund-sent": "status = 'PAID'",
}


async def _kill(run: Run) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + _HARM_SECONDS
    # Each seed begins elsewhere: a few of them see all points even on a slow machine. Neighbours
    # are far apart, so that APIs and workers die in turn.
    steps = range(run.seed * 11, run.seed * 11 + len(LABELS))
    labels = [LABELS[step * _STRIDE % len(LABELS)] for step in steps]
    async with Provider(run.stack.where) as provider:
        for label in labels:
            if loop.time() > end:
                break
            await _die_at(run, label, provider)
            await asyncio.sleep(run.random.uniform(0.3, 0.8))


async def _die_at(run: Run, label: str, provider: Provider) -> None:
    """Have the next program that passes the point die, unless none comes by in time."""
    loop = asyncio.get_running_loop()
    order = run.stack.folder / _ORDER
    await _bring_about(run, label.partition(":")[0], provider)
    _give(order, f"{label}:1")
    limit = loop.time() + _PATIENCE_SECONDS
    while order.exists():
        if loop.time() > limit:
            with contextlib.suppress(FileNotFoundError):
                order.unlink()
                run.note(f"nobody came by {label}")
                return
        await asyncio.sleep(_LOOK_SECONDS)
    run.harmed(f"a program has killed itself at {label}")
    run.history.mark(f"killed at {label}")


def _give(order: Path, text: str) -> None:
    """Write the order so that nobody reads half of it."""
    written = order.with_suffix(".new")
    written.write_text(text)
    written.rename(order)


async def _bring_about(run: Run, point: str, provider: Provider) -> None:
    """Cause what a sale rarely does by itself."""
    if point == "gate-rebuilt":
        async with Redis.from_url(run.stack.where.redis_url) as redis:
            await redis.delete(DealKeys(run.random.choice(run.crowd.sale.deals)).stock)
    wanted = _FOR_A_SECOND_PAYMENT.get(point)
    if wanted is None:
        return
    connection = await asyncpg.connect(run.stack.where.database_url)
    try:
        orders = await connection.fetch(
            "SELECT user_id, id AS order_id, total_minor AS amount_minor, currency FROM orders"  # noqa: S608 - our own words
            f" WHERE {wanted} ORDER BY placed_at DESC LIMIT 2"
        )
    finally:
        await connection.close()
    for order in orders:
        await provider.charge(**dict(order))


async def _verdict(run: Run) -> list[str]:
    killed = [name for _, name in run.history.marks if name.startswith("killed at")]
    run.note(f"{len(killed)} points were deadly")
    return [] if len(killed) >= _FEWEST_KILLS else [f"HARNESS: only {len(killed)} programs died"]


SCENARIO = Scenario(
    name="app-kill-everywhere",
    harm="SIGKILL of an API or worker at each named point, just before and just after it",
    expected="no unit and no payment is lost or counted twice at any of them",
    nemesis=_kill,
    shape=SaleShape(workers=2, launch={"FAULTS_CRASH": _ORDER, "FAULTS_REBORN": "1"}),
    verdict=_verdict,
)
