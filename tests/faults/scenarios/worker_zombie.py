"""A worker with jobs in hand is frozen past its lease, and goes on after another has done them."""

import asyncio
from datetime import timedelta

import asyncpg

from tests.faults.haste import SHORTER
from tests.faults.programs import Program
from tests.faults.scenario import Run, SaleShape, Scenario

_ZOMBIES = 2
_TRIES = 12
_SETTLED_SECONDS = 0.8
_LOOK_SECONDS = 0.1
# Its lease, and until the other worker has found them all: it takes ten at a time.
_TAKEOVER_SECONDS = SHORTER["runtime.worker:LEASE"].total_seconds() + 30.0
_IN_HAND = """
SELECT id, queue_manager_id::text AS worker FROM pgqueuer
 WHERE status = 'picked' AND updated < now() - $1::interval
"""


async def _freeze(run: Run) -> None:
    async with asyncpg.create_pool(run.stack.where.database_url, min_size=1, max_size=1) as pool:
        zombies = tries = 0
        while zombies < _ZOMBIES and tries < _TRIES:
            tries += 1
            await asyncio.sleep(run.random.uniform(0.1, 0.6))
            zombies += await _freeze_one(run, run.random.choice(run.stack.workers), pool)


async def _freeze_one(run: Run, worker: Program, pool: asyncpg.Pool) -> bool:
    """Freeze a worker; if it had jobs in hand, until the other one has taken them all over."""
    worker.freeze()
    try:
        await asyncio.sleep(_SETTLED_SECONDS)
        stuck = await _in_hand(pool)
        if not stuck:
            return False
        run.harmed(f"{worker.name} is frozen with {len(stuck)} jobs in hand")
        limit = run.history.now + _TAKEOVER_SECONDS
        while stuck & await _in_hand(pool):
            if run.history.now > limit:
                run.broken.append("jobs of a frozen worker were not taken over")
                break
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            run.history.mark("taken over")
    finally:
        worker.thaw()
    run.note(f"{worker.name} goes on")
    return True


async def _in_hand(pool: asyncpg.Pool) -> set[tuple[int, str]]:
    """Jobs that some worker has had for a while, with that worker's mark."""
    rows = await pool.fetch(_IN_HAND, timedelta(seconds=_SETTLED_SECONDS - 0.1))
    return {(row["id"], row["worker"]) for row in rows}


async def _verdict(run: Run) -> list[str]:
    taken_over = len(run.history.moments("taken over"))
    run.note(f"the jobs of {taken_over} zombies were taken over")
    return [] if taken_over else ["HARNESS: no worker was frozen with jobs in hand"]


SCENARIO = Scenario(
    name="worker-zombie",
    harm="SIGSTOP a worker past its lease, another takes over, CONT",
    expected="each job has one effect, though two workers have done it",
    nemesis=_freeze,
    # Jobs take long enough to be in somebody's hands.
    shape=SaleShape(workers=2, launch={"FAULTS_PAUSE": "job:before:0.25"}),
    verdict=_verdict,
)
