"""Reads that are asked for one by one in one turn of the loop, and done together."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar, cast

V = TypeVar("V")
T = TypeVar("T")

Read: TypeAlias = Callable[[list[str]], Awaitable[Sequence[V | BaseException]]]
"""Values in the order of their keys; an exception in a value's place is raised to who asked."""


class Loader(Generic[V]):
    """Remembers what it has read, for as long as one operation lives."""

    __slots__ = ("_batch", "_known", "_most", "_read")

    def __init__(self, read: Read[V], *, most: int) -> None:
        """One that reads at most so many keys at once."""
        self._read = read
        self._most = most
        self._known: dict[str, Loading[V]] = {}
        self._batch: _Batch[V] | None = None

    def load(self, key: str) -> "Loading[V]":
        """The value of a key, to be awaited; its read is under way from here on."""
        known = self._known.get(key)
        if known is None:
            batch = self._batch
            if batch is None or batch.begun or len(batch.keys) >= self._most:
                batch = self._batch = _Batch(self._read)
                asyncio.get_running_loop().call_soon(batch.begin)
            batch.keys.append(key)
            known = self._known[key] = Loading(batch, key)
        return known

    async def load_many(self, keys: Iterable[str]) -> list[V]:
        """The values of these keys, in their order."""
        asked = [self.load(key) for key in keys]
        return [await loading for loading in asked]

    def clear_all(self) -> None:
        """Read everything anew from here on."""
        self._known.clear()
        self._batch = None


class Loading(Generic[V]):
    """One key's value. May be awaited any number of times."""

    __slots__ = ("_batch", "_key")

    def __init__(self, batch: "_Batch[V]", key: str) -> None:
        self._batch = batch
        self._key = key

    def __await__(self) -> Generator[Any, None, V]:
        yield from self._batch.wait()
        return self.result()

    def wait(self) -> Generator[Any, None, None]:
        """Until it is read."""
        return self._batch.wait()

    def result(self) -> V:
        """What was read; only to be asked for once it is."""
        outcome = self._batch.outcomes[self._key]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class Later(Generic[V, T]):
    """What a loading makes, once it is done, without a coroutine of its own.

    A field may return one in place of being `async`. Its read is under way already, so that a list
    of them can be waited for one after the other.
    """

    __slots__ = ("_loading", "_make")

    def __init__(self, loading: Loading[V], make: Callable[[Loading[V]], T]) -> None:
        self._loading = loading
        self._make = make

    def __await__(self) -> Generator[Any, None, T]:
        yield from self._loading.wait()
        return self._make(self._loading)


class _Batch(Generic[V]):
    """Keys that are read together, and who waits for them."""

    __slots__ = ("_done", "_read", "_task", "_waiters", "begun", "keys", "outcomes")

    def __init__(self, read: Read[V]) -> None:
        self._read = read
        self._done = False
        self._waiters: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self.keys: list[str] = []
        self.begun = False
        self.outcomes: dict[str, V | BaseException] = {}

    def begin(self) -> None:
        """Read; what is asked for from here on belongs to the next batch."""
        self.begun = True
        self._task = asyncio.create_task(self._run())

    def wait(self) -> Generator[Any, None, None]:
        """Until all is read. Each waits for a future of its own: one that gives up harms nobody."""
        if not self._done:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            yield from waiter

    async def _run(self) -> None:
        try:
            values = await self._read(self.keys)
            self.outcomes = dict(zip(self.keys, values, strict=True))
        except BaseException as error:
            self.outcomes = dict.fromkeys(self.keys, cast("V | BaseException", error))
            if not isinstance(error, Exception):
                raise
        finally:
            self._done = True
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
