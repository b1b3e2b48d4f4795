"""How late this process' event loop is."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Self

SAMPLE_SECONDS: Final = 0.01
# One late turn is a pause of the garbage collector or of the machine. That many in a row are more
# work than there is time for.
SUSTAINED: Final = 3


class Pressure:
    """Samples how late timers are. An operation takes several turns of the loop, each so late."""

    def __init__(self, *, most_lag_seconds: float) -> None:
        self._most = most_lag_seconds
        self._lags: deque[float] = deque([0.0] * SUSTAINED, maxlen=SUSTAINED)
        self._listeners: list[Callable[[float], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.lag_seconds = 0.0

    async def __aenter__(self) -> Self:
        self._wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @property
    def is_late(self) -> bool:
        """Whether the loop has been too late for a while: what comes now cannot end in time."""
        return self.lag_seconds > self._most

    def tell(self, listener: Callable[[float], None]) -> None:
        """Call it with each sample, in seconds."""
        self._listeners.append(listener)

    def note(self, lag_seconds: float) -> None:
        """Hear how late a turn was; the least of the last few counts."""
        self._lags.append(lag_seconds)
        self.lag_seconds = min(self._lags)
        for listener in self._listeners:
            listener(lag_seconds)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + SAMPLE_SECONDS
        self._timer = loop.call_later(SAMPLE_SECONDS, self._sample, due)

    def _sample(self, due: float) -> None:
        self.note(max(0.0, asyncio.get_running_loop().time() - due))
        self._wait()
