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

    __slots__ = ("_at_hand", "_batch", "_known", "_most", "_read")

    def __init__(
        self, read: Read[V], *, most: int, at_hand: Callable[[str], V | None] | None = None
    ) -> None:
        """One that reads at most so many keys at once, and only what is not at hand."""
        self._read = read
        self._at_hand = at_hand
        self._most = most
        self._known: dict[str, Loading[V]] = {}
        self._batch: _Batch[V] | None = None

    def load(self, key: str) -> "Loading[V]":
        """The value of a key, to be awaited; its read is under way from here on."""
        known = self._known.get(key)
        if known is None and self._at_hand is not None:
            value = self._at_hand(key)
            if value is not None:
                known = self._known[key] = Loading(None, key, value)
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

    __slots__ = ("_batch", "_key", "_value")

    def __init__(self, batch: "_Batch[V] | None", key: str, value: V | None = None) -> None:
        self._batch = batch
        self._key = key
        self._value = value

    def __await__(self) -> Generator[Any, None, V]:
        if not self.done:
            yield from self.wait()
        return self.result()

    @property
    def done(self) -> bool:
        """Whether there is a result already."""
        return self._batch is None or self._batch.done

    def wait(self) -> Generator[Any, None, None]:
        """Until it is read."""
        assert self._batch is not None, "what is at hand is not waited for"
        return self._batch.wait()

    def result(self) -> V:
        """What was read; only to be asked for once it is."""
        if self._batch is None:
            return cast("V", self._value)
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
        if not self._loading.done:
            yield from self._loading.wait()
        return self._make(self._loading)


def made_of(loading: Loading[V], make: Callable[[Loading[V]], T]) -> T:
    """What a loading makes: at once when it is done, else a `Later`, which says it is a T."""
    return make(loading) if loading.done else cast("T", Later(loading, make))


class _Batch(Generic[V]):
    """Keys that are read together, and who waits for them."""

    __slots__ = ("_read", "_task", "_waiters", "begun", "done", "keys", "outcomes")

    def __init__(self, read: Read[V]) -> None:
        self._read = read
        self._waiters: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self.keys: list[str] = []
        self.begun = False
        self.done = False
        self.outcomes: dict[str, V | BaseException] = {}

    def begin(self) -> None:
        """Read; what is asked for from here on belongs to the next batch."""
        self.begun = True
        self._task = asyncio.create_task(self._run())

    def wait(self) -> Generator[Any, None, None]:
        """Until all is read. Each waits for a future of its own: one that gives up harms nobody."""
        if not self.done:
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
            self.done = True
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
