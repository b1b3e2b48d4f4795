"""Gates are rebuilt by several at once, some of whom dawdle between reading and writing."""

import asyncio

from redis.asyncio import Redis

from tests.faults.scenario import Run, Scenario

_LOSSES = 6
# Longer than a rebuild may take before somebody else begins one (orders/gatekeeper.py).
_DAWDLE = {"FAULTS_PAUSE": "gate-rebuilt:before:0.7"}


async def _reconcile(run: Run) -> None:
    stack = run.stack
    both = asyncio.gather(*(stack.command("reconcile", **_DAWDLE) for _ in range(2)))
    dawdler = stack.new_worker()
    dawdler.environment.update(_DAWDLE)
    await dawdler.start()
    run.harmed("a worker and two reconcilers dawdle whenever they rebuild a gate")
    async with Redis.from_url(stack.where.redis_url) as redis:
        for _ in range(_LOSSES):
            await asyncio.sleep(run.random.uniform(0.3, 1.5))
            await redis.flushall()
            run.harmed("FLUSHALL: whoever comes first rebuilds, and all the others too")
    for code, said in await both:
        run.note(f"reconcile ended with {code}: {said.strip().splitlines()[-1]}")
    await dawdler.stop()


async def _verdict(run: Run) -> list[str]:
    """Once all is quiet, a third reconciliation finds nothing."""
    code, said = await run.stack.command("reconcile", "--dry-run")
    return [] if code == 0 else [f"reconcile found differences: {said}"]


SCENARIO = Scenario(
    name="two-reconcilers",
    harm="two rebuilds of one gate at once, over and over, some of them slow",
    expected="one wins; the gate and Postgres agree (I6)",
    nemesis=_reconcile,
    verdict=_verdict,
)
