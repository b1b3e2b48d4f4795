"""What a reader has not read yet: the newest value of each thing, never a queue."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

V = TypeVar("V")


class Mailbox(Generic[V]):
    """Holds the newest value per key until its one reader takes it.

    As large as the number of keys it is told of, however slow its reader is.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, V] = {}
        self._filled = asyncio.Event()

    def put(self, key: str, value: V) -> None:
        """Leave a value; one that was not taken yet is replaced, and keeps its turn."""
        self._waiting[key] = value
        self._filled.set()

    async def take(self) -> V:
        """The value whose key has waited longest. May be cancelled without losing one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.pop(next(iter(self._waiting)))


class Audience(Generic[V]):
    """The mailboxes of everybody who watches a thing, by the thing's key."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, set[Mailbox[V]]] = defaultdict(set)

    @contextmanager
    def watch(self, keys: Iterable[str]) -> Iterator[Mailbox[V]]:
        """A mailbox that is told of these things while the block runs."""
        mailbox: Mailbox[V] = Mailbox()
        watched = frozenset(keys)
        for key in watched:
            self._mailboxes[key].add(mailbox)
        try:
            yield mailbox
        finally:
            for key in watched:
                self._mailboxes[key].discard(mailbox)
                if not self._mailboxes[key]:
                    del self._mailboxes[key]

    def tell(self, key: str, value: V, *, about: str | None = None) -> None:
        """Put a value about a thing (`key`, unless told otherwise) into the key's mailboxes."""
        for mailbox in self._mailboxes.get(key, ()):
            mailbox.put(key if about is None else about, value)

    def tell_all(self, value: V) -> None:
        """Put a value into everybody's mailbox."""
        for key in self._mailboxes:
            self.tell(key, value)

    def watched(self) -> list[str]:
        """The keys that somebody watches."""
        return list(self._mailboxes)

    def __contains__(self, key: str) -> bool:
        return key in self._mailboxes
