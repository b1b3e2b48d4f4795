"""Changes made at a pace: one after another, or at their intended times."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

_TICK_SECONDS: Final = 0.01
_MOST_AT_ONCE: Final = 64
# A busy machine stretches what is done one by one.
_PATIENCE: Final = 1.1

Change = Callable[[int], Awaitable[None]]


async def apart(change: Change, *, per_second: float, seconds: float) -> dict[str, Any]:
    """Make changes one after another, never closer together than their pace says.

    Two that come at once may be told as one, which is no fault: the newest value wins. Where that
    takes too long, fewer are made.
    """
    loop = asyncio.get_running_loop()
    wanted = max(round(per_second * seconds), 1)
    began, made = loop.time(), 0
    while made < wanted and loop.time() - began < seconds * _PATIENCE:
        next_at = loop.time() + 1 / per_second
        await change(made)
        made += 1
        await asyncio.sleep(next_at - loop.time())
    return {"made": made, "seconds": loop.time() - began}


async def paced(change: Change, *, per_second: float, seconds: float) -> dict[str, Any]:
    """Make changes at their intended times, however long each one takes; at least one is made."""
    loop = asyncio.get_running_loop()
    wanted = max(round(per_second * seconds), 1)
    room = asyncio.Semaphore(_MOST_AT_ONCE)
    began = loop.time()

    async def one(number: int) -> None:
        async with room:
            await change(number)

    async with asyncio.TaskGroup() as changes:
        started = 0
        while started < wanted:
            due = min(int((loop.time() - began) * per_second) + 1, wanted)
            for number in range(started, due):
                changes.create_task(one(number))
            started = due
            await asyncio.sleep(_TICK_SECONDS)
    return {"made": wanted, "seconds": loop.time() - began}
