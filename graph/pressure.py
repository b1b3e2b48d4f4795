"""How late this process' event loop is, and what should be refused for it."""

import asyncio
from collections import deque
from typing import Final, Self

SAMPLE_SECONDS: Final = 0.01
# One late turn is a pause of the garbage collector or of the machine. That many in a row are more
# work than there is time for.
SUSTAINED: Final = 3
# Queries are refused at this share of the lateness at which everything is: mutations are worth
# more.
_QUERIES_SHARE: Final = 0.4


class Pressure:
    """Samples how late timers are. An operation takes several turns of the loop, each so late."""

    def __init__(self, *, most_lag_seconds: float) -> None:
        self._most = most_lag_seconds
        self._lags: deque[float] = deque([0.0] * SUSTAINED, maxlen=SUSTAINED)
        self._timer: asyncio.TimerHandle | None = None
        self.lag_seconds = 0.0

    async def __aenter__(self) -> Self:
        self._wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @property
    def refuses_queries(self) -> bool:
        """Whether queries that must be executed are refused; what is in memory never is."""
        return self.lag_seconds > self._most * _QUERIES_SHARE

    @property
    def refuses_all(self) -> bool:
        """Whether everything is refused that cannot be answered at once."""
        return self.lag_seconds > self._most

    def note(self, lag_seconds: float) -> None:
        """Hear how late a turn was; the least of the last few counts."""
        self._lags.append(lag_seconds)
        self.lag_seconds = min(self._lags)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + SAMPLE_SECONDS
        self._timer = loop.call_later(SAMPLE_SECONDS, self._sample, due)

    def _sample(self, due: float) -> None:
        self.note(max(0.0, asyncio.get_running_loop().time() - due))
        self._wait()
