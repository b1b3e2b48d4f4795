"""The connection to Postgres is cut after COMMIT was sent, before its answer has come."""

import asyncio

from tests.faults.promise_checks import frozen_holds_kept
from tests.faults.scenario import Run, Scenario

_HARM_SECONDS = 12.0
_LOOK_SECONDS = 0.01
# A sale commits many times a second; a quiet moment is no failure of the harness.
_PATIENCE_SECONDS = 3.0


async def _lose(run: Run) -> None:
    proxy, loop = run.stack.to_postgres, asyncio.get_running_loop()
    end = loop.time() + _HARM_SECONDS
    while loop.time() < end:
        proxy.do(lose_reply_to=b"COMMIT", losses=1)
        limit = loop.time() + _PATIENCE_SECONDS
        while proxy.harm.losses and loop.time() < limit:
            await asyncio.sleep(_LOOK_SECONDS)
        run.harmed("the answer to a COMMIT is lost")
        await asyncio.sleep(run.random.uniform(0.05, 0.5))


async def _verdict(run: Run) -> list[str]:
    """Something has to have been lost on the way to an order, or nothing was shown."""
    lost = run.stack.to_postgres.counts["replies lost"]
    repeated = [
        operation.asked["idempotencyKey"]
        for operation in run.history.of("place")
        if operation.outcome == "unknown"
    ]
    run.note(f"{lost} answers to COMMIT were lost, {len(repeated)} times to a placeOrder")
    lines = frozen_holds_kept(run.history)
    return lines if lost else [*lines, "HARNESS: no answer to a COMMIT was lost"]


SCENARIO = Scenario(
    name="commit-ack-lost",
    harm="the connection is cut after COMMIT was sent, its answer is lost",
    expected="the retry returns the stored answer",
    nemesis=_lose,
    verdict=_verdict,
)
