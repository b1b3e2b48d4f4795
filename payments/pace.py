"""A local pace: no more than so many calls a second, first come, first served."""

import asyncio
from typing import Final

_LEAST_INTERVAL_SECONDS: Final = 0.0001
# A shorter pause than the event loop can keep is left to the next call.
_SHORTEST_PAUSE_SECONDS: Final = 0.001


class Pace:
    """Spaces calls of this process evenly. Who gives up while waiting uses up no turn.

    The figure is for one process: several share a provider's limit by dividing it.
    """

    def __init__(self, per_second: float) -> None:
        self._interval = max(1 / per_second, _LEAST_INTERVAL_SECONDS)
        self._free_at = 0.0
        self._waiting = 0
        # asyncio.Lock wakes waiters in the order in which they came, and forgets cancelled ones.
        self._turn = asyncio.Lock()

    @property
    def wait_seconds(self) -> float:
        """How long somebody would wait who came now, if nobody before gives up."""
        pause = max(self._free_at - asyncio.get_running_loop().time(), 0.0)
        return pause + self._waiting * self._interval

    async def wait(self) -> None:
        """Return when it is this caller's turn."""
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            async with self._turn:
                pause = self._free_at - loop.time()
                if pause >= _SHORTEST_PAUSE_SECONDS:
                    await asyncio.sleep(pause)
                self._free_at = max(self._free_at, loop.time()) + self._interval
        finally:
            self._waiting -= 1
