"""What is read often and changes seldom: kept for a second, and read once for all who ask."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from time import monotonic
from typing import Generic, TypeVar

# What is shown may be this old when the event that drops it was lost.
FRESH_SECONDS = 1.0
MOST_KEPT = 20_000

V = TypeVar("V")


class Book(ABC, Generic[V]):
    """A cache by id; several readers of what is missing share one read."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, V | None]] = {}
        self._reading: dict[str, asyncio.Task[dict[str, V]]] = {}

    async def get(self, id_: str) -> V | None:
        """What has this id, or None when nothing has; at most `FRESH_SECONDS` old."""
        return (await self.many([id_])).get(id_)

    async def many(self, ids: Iterable[str]) -> dict[str, V]:
        """Those that exist, by id, with one read for all that are not fresh."""
        wanted = set(ids)
        found: dict[str, V] = {}
        readers: set[asyncio.Task[dict[str, V]]] = set()
        missing: list[str] = []
        now = monotonic()
        for id_ in wanted:
            read_at, value = self._kept.get(id_, (-FRESH_SECONDS, None))
            if now - read_at < FRESH_SECONDS:
                if value is not None:
                    found[id_] = value
            elif id_ in self._reading:
                readers.add(self._reading[id_])
            else:
                missing.append(id_)
        if missing:
            reader = asyncio.create_task(self._read(missing), name="read what is missing")
            self._reading.update(dict.fromkeys(missing, reader))
            readers.add(reader)
        for reader in readers:
            # Shielded: one caller that gives up must not take the answer from the others.
            answer = await asyncio.shield(reader)
            found.update({id_: value for id_, value in answer.items() if id_ in wanted})
        return found

    def drop(self, id_: str) -> None:
        """Forget what was changed; a read under way may still have the old, and is not kept."""
        self._kept.pop(id_, None)
        self._reading.pop(id_, None)

    def forget_all(self) -> None:
        """Forget everything: news of some may be missing."""
        self._kept.clear()
        self._reading.clear()

    @abstractmethod
    async def _fetch(self, ids: list[str]) -> dict[str, V]:
        """Read from the store those of the ids that exist."""

    async def _read(self, ids: list[str]) -> dict[str, V]:
        this = asyncio.current_task()
        try:
            found = await self._fetch(ids)
            if len(self._kept) + len(ids) > MOST_KEPT:
                self._kept.clear()
            now = monotonic()
            for id_ in ids:
                if self._reading.get(id_) is this:
                    self._kept[id_] = (now, found.get(id_))
            return found
        finally:
            for id_ in ids:
                if self._reading.get(id_) is this:
                    del self._reading[id_]
