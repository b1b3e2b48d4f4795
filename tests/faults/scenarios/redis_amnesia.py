"""Redis forgets everything, twice: FLUSHALL in mid-sale, then kill -9 with nothing on disk."""

import asyncio

from redis.asyncio import Redis

from tests.faults.scenario import Run, SaleShape, Scenario


async def _forget(run: Run) -> None:
    await asyncio.sleep(run.random.uniform(0.5, 2.0))
    async with Redis.from_url(run.stack.where.redis_url) as redis:
        await redis.flushall()
    run.harmed("FLUSHALL")
    await asyncio.sleep(run.random.uniform(1.5, 3.0))
    run.stack.valkey.kill()
    run.harmed("kill -9 Valkey, which has nothing on disk")
    await asyncio.sleep(run.random.uniform(0.1, 1.0))
    await run.stack.valkey.start()
    run.note("Valkey is back, empty")


SCENARIO = Scenario(
    name="redis-amnesia",
    harm="FLUSHALL, then kill -9 with nothing on disk",
    expected="unpaid carts are empty; gates are rebuilt from Postgres; no order is touched",
    nemesis=_forget,
    shape=SaleShape(redis_persistent=False),
)
