"""A local pace: no more than so many calls a second, first come, first served."""

import asyncio
from typing import Final

_LEAST_INTERVAL_SECONDS: Final = 0.0001


class Pace:
    """Spaces calls of this process evenly. Who gives up while waiting uses up no turn.

    The figure is for one process: several share a provider's limit by dividing it.
    """

    def __init__(self, per_second: float) -> None:
        self._interval = max(1 / per_second, _LEAST_INTERVAL_SECONDS)
        self._free_at = 0.0
        # asyncio.Lock wakes waiters in the order in which they came, and forgets cancelled ones.
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        """Return when it is this caller's turn."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            pause = self._free_at - loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
            self._free_at = loop.time() + self._interval
