"""So many values a second of each thing, and the newest always in the end."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Conflation(Generic[V]):
    """Passes values on, of each key no more often than `per_second`; an urgent one at once.

    A value that has to wait is replaced by a newer one. The first after a quiet time never waits.
    """

    def __init__(self, tell: Callable[[str, V], None], *, per_second: float) -> None:
        self._tell = tell
        self._pause_seconds = 1 / per_second
        self._told_at: dict[str, float] = {}
        self._held: dict[str, V] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def offer(self, key: str, value: V, *, urgent: bool) -> None:
        """Pass a value on, now or as soon as its key may be told again."""
        loop = asyncio.get_running_loop()
        wait = self._told_at.get(key, 0.0) + self._pause_seconds - loop.time()
        if urgent or wait <= 0:
            self._pass_on(key, value)
            return
        self._held[key] = value
        if key not in self._timers:
            self._timers[key] = loop.call_later(wait, self._release, key)

    def forget(self, key: str) -> None:
        """Nobody listens any more: keep nothing of it. May be repeated."""
        self._told_at.pop(key, None)
        self._drop(key)

    def flush(self) -> None:
        """Pass on all that waits."""
        for key in list(self._held):
            self._release(key)

    def forget_all(self) -> None:
        """Stop."""
        for key in list(self._told_at):
            self.forget(key)

    def __len__(self) -> int:
        return len(self._told_at)

    def _release(self, key: str) -> None:
        self._pass_on(key, self._held[key])

    def _pass_on(self, key: str, value: V) -> None:
        self._drop(key)
        self._told_at[key] = asyncio.get_running_loop().time()
        self._tell(key, value)

    def _drop(self, key: str) -> None:
        self._held.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
