"""Many deadlines of one length, with one timer for all of them."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

import structlog

log = structlog.get_logger()

Call: TypeAlias = Callable[[], None]

# So many seconds' deadlines are met together; ten thousand timers would wake us one by one.
_TOGETHER_SECONDS: Final = 0.05


class Deadlines:
    """Makes each call once, `seconds` after it was added. What is added again waits anew."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # All wait equally long: the order of adding is the order of being due.
        self._due: dict[Call, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def add(self, call: Call) -> None:
        """Make this call in time; it must not wait for anything."""
        loop = asyncio.get_running_loop()
        self._due.pop(call, None)
        self._due[call] = due = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._ring)

    def discard(self, call: Call) -> None:
        """Do not make this call after all. May be repeated."""
        self._due.pop(call, None)

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        ripe = []
        for call, due in self._due.items():
            if due > now:
                break
            ripe.append(call)
        for call in ripe:
            # An earlier one may have taken it back, or put it off.
            if self._due.get(call, now + 1) > now:
                continue
            del self._due[call]
            try:
                call()
            except Exception:  # the others are due all the same
                log.exception("deadline_failed")
        self._timer = None
        if self._due:
            due = next(iter(self._due.values()))
            self._timer = loop.call_at(max(due, now + _TOGETHER_SECONDS), self._ring)
