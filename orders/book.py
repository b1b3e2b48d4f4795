"""What is read often and changes seldom: kept for a while, and read once for all who ask."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Generic, TypeVar

# What is shown may be this old while nobody would tell us of a change.
FRESH_SECONDS = 1.0
# And this old while news is heard, which drops what changes at once: in case one was lost unseen.
TRUSTED_SECONDS = 30.0
MOST_KEPT = 20_000

V = TypeVar("V")


class Book(ABC, Generic[V]):
    """A cache by id; several readers of what is missing share one read."""

    def __init__(self, hears: Callable[[], bool] = lambda: False) -> None:
        """One whose process hears of changes as long as `hears` says so."""
        self._hears = hears
        self._kept: dict[str, tuple[float, V | None]] = {}
        self._reading: dict[str, asyncio.Task[dict[str, V]]] = {}

    async def get(self, id_: str) -> V | None:
        """What has this id, or None when nothing has."""
        return self.fresh(id_) or (await self.many([id_])).get(id_)

    def fresh(self, id_: str) -> V | None:
        """The same without a read: None as well when one would be needed to know."""
        read_at, value = self._kept.get(id_, (0.0, None))
        return value if value is not None and read_at > self._oldest() else None

    async def many(self, ids: Iterable[str]) -> dict[str, V]:
        """Those that exist, by id, with one read for all that are not fresh."""
        wanted = set(ids)
        found: dict[str, V] = {}
        readers: set[asyncio.Task[dict[str, V]]] = set()
        missing: list[str] = []
        oldest = self._oldest()
        for id_ in wanted:
            kept = self._kept.get(id_)
            if kept is not None and kept[0] > oldest:
                if kept[1] is not None:
                    found[id_] = kept[1]
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

    def _oldest(self) -> float:
        """What was read before this is not to be shown any more."""
        return monotonic() - (TRUSTED_SECONDS if self._hears() else FRESH_SECONDS)

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
