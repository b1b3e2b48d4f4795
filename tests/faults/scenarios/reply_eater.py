"""Redis carries everything out, and one reply in twenty never arrives."""

import asyncio

from tests.faults.scenario import Run, SaleShape, Scenario

_EVERY = 20
_LEAST_LOST = 10
# An argument of set_hold, as it is on the wire.
_ADDING = b"\r\nadd\r\n"
_ADDING_SECONDS = 0.1


async def _eat(run: Run) -> None:
    await asyncio.sleep(run.random.uniform(0.3, 1.0))
    run.stack.to_redis.do(lose_every=_EVERY)
    run.harmed(f"each {_EVERY}th reply of Redis is lost, and its connection with it")
    loop = asyncio.get_running_loop()
    end = loop.time() + max(6.0, run.seconds - 2.0)
    while loop.time() < end:
        # An addition that ran twice would show in its buyer's cart; most other scripts never do.
        run.stack.to_redis.do(lose_reply_to=_ADDING, losses=1)
        await asyncio.sleep(_ADDING_SECONDS)
    run.stack.to_redis.heal()


async def _verdict(run: Run) -> list[str]:
    lost = run.stack.to_redis.counts["replies lost"]
    run.note(f"{lost} replies were lost")
    return [] if lost >= _LEAST_LOST else [f"HARNESS: only {lost} replies were lost"]


SCENARIO = Scenario(
    name="reply-eater",
    harm="every 20th reply of Redis is lost after execution",
    expected="nothing is held twice; units are conserved",
    nemesis=_eat,
    # Room for what is held twice: neither the limit nor an empty shelf may hide it.
    shape=SaleShape(allotment=30, purchase_limit=6),
    verdict=_verdict,
)
