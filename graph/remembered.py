"""Documents that clients have sent with their hash, in this process and for all others in Redis."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import structlog
from redis.asyncio import Redis

from orders.errors import OUT_OF_REACH

log = structlog.get_logger()

# Of this process. Storefronts send a few dozen documents.
MOST_DOCUMENTS: Final = 1_000
MOST_BYTES: Final = 4 * 1024 * 1024
# In Redis, which must have room for stock: 64 MiB, whatever strangers send. Two documents that
# share a slot displace one another there, never here; who misses one is sent it by its client.
SLOTS: Final = 4_096
MOST_SHARED_BYTES: Final = 16 * 1024
KEPT_SECONDS: Final = 24 * 60 * 60
# Redis forgets: a day is over, another document takes the slot. A text that is sent to a process
# which knows it may have been missed by another one: Redis is told again, but not each time.
TOLD_SECONDS: Final = 60.0
# Reading is worth less than the round trip it spares: who waits longer asks the client.
ANSWER_SECONDS: Final = 0.25
# A Redis that did not answer is left alone for so long.
PAUSE_SECONDS: Final = 1.0
# Commands of ours under way; a flood of hashes that nobody knows makes no more.
MOST_AT_ONCE: Final = 32


@dataclass(slots=True)
class _Document:
    text: str
    tell_from: float
    """When Redis may be told (again)."""


class Remembered:
    """Fails open: what cannot be read is unknown, and what cannot be written is forgotten."""

    def __init__(self, redis: Redis, *, now_seconds: Callable[[], float] = monotonic) -> None:
        self._redis = redis
        self._now_seconds = now_seconds
        self._known: OrderedDict[str, _Document] = OrderedDict()
        self._bytes = 0
        self._reading: dict[str, asyncio.Task[str | None]] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._away_until = 0.0

    def __len__(self) -> int:
        return len(self._known)

    def get(self, sha256: str) -> str | None:
        """The document with this hash, if this process knows it; costs no command."""
        document = self._known.get(sha256)
        if document is None:
            return None
        self._known.move_to_end(sha256)
        return document.text

    def keep(self, sha256: str, text: str) -> None:
        """Remember a document that came with its hash, compared, and see that the others can.

        Does not wait. Redis is told anew when it was not lately.
        """
        now = self._now_seconds()
        document = self._known.get(sha256) or self._keep(sha256, text, tell_from=now)
        if now < max(document.tell_from, self._away_until) or len(self._writing) >= MOST_AT_ONCE:
            return
        document.tell_from = now + TOLD_SECONDS
        if len(text.encode()) <= MOST_SHARED_BYTES:
            writing = asyncio.create_task(self._write(sha256, document))
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)

    async def fetch(self, sha256: str) -> str | None:
        """The document with this hash, if any process has told it. Those who ask at once share."""
        reading = self._reading.get(sha256)
        if reading is None:
            if len(self._reading) >= MOST_AT_ONCE or self._now_seconds() < self._away_until:
                return None
            reading = asyncio.create_task(self._read(sha256))
            self._reading[sha256] = reading
            reading.add_done_callback(lambda _: self._reading.pop(sha256, None))
        return await asyncio.shield(reading)

    async def aclose(self) -> None:
        """Wait for what is being read and written; both end soon by themselves."""
        if under_way := {*self._writing, *self._reading.values()}:
            await asyncio.wait(under_way)

    def _keep(self, sha256: str, text: str, *, tell_from: float) -> _Document:
        document = self._known[sha256] = _Document(text, tell_from)
        self._bytes += _size(text)
        while len(self._known) > MOST_DOCUMENTS or self._bytes > MOST_BYTES:
            _, forgotten = self._known.popitem(last=False)
            self._bytes -= _size(forgotten.text)
        return document

    async def _read(self, sha256: str) -> str | None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                told = await self._redis.get(slot_of(sha256))
        except OUT_OF_REACH as error:
            self._away(error)
            return None
        if not isinstance(told, str) or sha256_of(told) != sha256:
            return None
        if sha256 not in self._known:
            self._keep(sha256, told, tell_from=self._now_seconds() + TOLD_SECONDS)
        return told

    async def _write(self, sha256: str, document: _Document) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._redis.set(slot_of(sha256), document.text, ex=KEPT_SECONDS)
        except OUT_OF_REACH as error:
            self._away(error)
            document.tell_from = self._away_until

    def _away(self, error: BaseException) -> None:
        now = self._now_seconds()
        if now >= self._away_until:
            log.warning("documents_not_shared", error=repr(error))
        self._away_until = now + PAUSE_SECONDS


def sha256_of(text: str) -> str:
    """The name of a document, as clients make it."""
    return hashlib.sha256(text.encode()).hexdigest()


def slot_of(sha256: str) -> str:
    """The key in Redis where the document with this hash may be, or another one."""
    return f"document:{int(sha256, 16) % SLOTS}"


def _size(text: str) -> int:
    # A character outside Latin-1 makes all of them wider; hash, links and the like come on top.
    return 300 + len(text) * (1 if text.isascii() else 4)
