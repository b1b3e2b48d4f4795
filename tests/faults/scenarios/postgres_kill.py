"""Postgres is killed three times under load."""

import asyncio

from tests.faults.promise_checks import frozen_holds_kept
from tests.faults.scenario import Run, Scenario

_KILLS = 3


async def _kill(run: Run) -> None:
    postgres = run.stack.postgres
    for _ in range(_KILLS):
        await asyncio.sleep(run.random.uniform(1.0, 3.0))
        run.harmed("postgres is killed")
        postgres.kill()
        await asyncio.sleep(run.random.uniform(0.1, 1.0))
        await postgres.start()
        run.note("postgres has recovered")


async def _verdict(run: Run) -> list[str]:
    return frozen_holds_kept(run.history)


SCENARIO = Scenario(
    name="postgres-kill",
    harm="kill -9 of Postgres, three times under load",
    expected="the same key retried gives one order; every answered order is there; pools recover",
    nemesis=_kill,
    verdict=_verdict,
)
