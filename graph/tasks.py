"""Work under way on somebody's behalf, which ends with them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Keeps tasks until they are done, and tells of those that failed."""

    __slots__ = ("_on_failure", "_running")

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self._on_failure = on_failure
        # Most of those who have tasks now and then have none for most of the time.
        self._running: set[asyncio.Task[None]] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do this, unless `cancel` comes first."""
        task = asyncio.create_task(work)
        if self._running is None:
            self._running = set()
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def cancel(self) -> None:
        """Do none of it any more."""
        for task in self._running or ():
            task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        if self._running is not None:
            self._running.discard(task)
            if not self._running:
                self._running = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)
