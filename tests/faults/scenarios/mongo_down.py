"""MongoDB is killed, and comes back after a while."""

import asyncio

from tests.faults.promise_checks import frozen_holds_kept
from tests.faults.scenario import Run, Scenario

_AWAY_SECONDS = 8.0


async def _kill(run: Run) -> None:
    await asyncio.sleep(run.random.uniform(1.0, 2.0))
    run.stack.mongo.kill()
    run.history.mark("mongo away")
    run.harmed("mongod is killed")
    await asyncio.sleep(_AWAY_SECONDS)
    run.history.mark("mongo back")
    await run.stack.mongo.start()
    run.note("mongod is back")


async def _verdict(run: Run) -> list[str]:
    """Deals, prices and orders need no catalogue: a product is null or remembered, no more."""
    (away,), (back,) = run.history.moments("mongo away"), run.history.moments("mongo back")
    meanwhile = [
        operation
        for operation in run.history.operations
        if away <= operation.invoked and operation.answered and operation.answered <= back
    ]
    lines = [
        f"while mongod was away, {operation.name} was answered {operation.told.get('errors')}"
        for operation in meanwhile
        if operation.outcome == "unknown"
    ]
    for name in ("shelf", "checkout", "place"):
        done = sum(one.name == name and one.outcome == "ok" for one in meanwhile)
        run.note(f"while mongod was away, {done} times {name}")
        if not done:
            lines.append(f"while mongod was away, nobody did {name}")
    return lines + frozen_holds_kept(run.history)


SCENARIO = Scenario(
    name="mongo-down",
    harm="kill -9 of mongod",
    expected="deals and checkout work with product = null or cached; prices come from Postgres",
    nemesis=_kill,
    verdict=_verdict,
)
