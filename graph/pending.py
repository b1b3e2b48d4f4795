"""Values whose reads are under way, waited for one after the other and without tasks."""

from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any

from graph.completion import Value


class Pending:
    """A value whose reads are under way: it may be waited for at any time, and does no work now."""

    __slots__ = ("_settle",)

    def __init__(self, settle: Callable[[], Coroutine[Any, Any, Value]]) -> None:
        self._settle = settle

    def __await__(self) -> Generator[Any, None, Value]:
        return self._settle().__await__()


def guarded(value: Awaitable[Any], failed: Callable[[Exception], None]) -> Awaitable[Any]:
    """The value, or nothing and word of what went wrong; pending if the value is."""
    settle = partial(_guarded, value, failed)
    return Pending(settle) if type(value) is Pending else settle()


async def _guarded(value: Awaitable[Any], failed: Callable[[Exception], None]) -> Value:
    try:
        return await value
    except Exception as error:  # noqa: BLE001 - told where it belongs
        return failed(error)


async def one_by_one(results: Value, places: list[Any]) -> Value:
    """The results, with those that are pending put in their places."""
    for place in places:
        results[place] = await results[place]
    return results
