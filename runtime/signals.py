"""SIGINT, SIGTERM and SIGHUP as one exception, so that `finally` is where things stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked(BaseException):
    """Somebody wants this process to end; no error."""


@contextmanager
def stop_signals() -> Iterator[None]:
    """Inside, the first of the signals raises StopAsked; those after it change nothing."""
    before = {number: signal.signal(number, _ask) for number in _ASKING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ask(_number: int, _frame: FrameType | None) -> None:
    ignore_stop_signals()
    raise StopAsked


def ignore_stop_signals() -> None:
    """From here on nothing interrupts the stopping."""
    for number in _ASKING:
        signal.signal(number, signal.SIG_IGN)
