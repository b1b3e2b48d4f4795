"""Shortens the product's long patience, so that a scenario of half a minute sees its end."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from runtime import reachable

# What waits for half a minute or more; all of it is a named constant of the product.
SHORTER: Final[dict[str, timedelta]] = {
    # A claim whose order never came is given up after 30 s.
    "orders.sweeps:CLAIM_PATIENCE": timedelta(seconds=6),
    # The jobs of a silent worker are taken over after 30 s.
    "runtime.worker:LEASE": timedelta(seconds=5),
    # A job that fails is repeated after at most five minutes.
    "runtime.worker:LONGEST_DELAY": timedelta(seconds=2),
}

# A program that gives up its start on a crowded machine shows nothing.
START_SECONDS: Final = 20.0


def hurry(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Shorten each of them in this program; have patience with its start alone.

    Raises:
        AttributeError: the product has no such constant any more.
    """
    for where, shorter in SHORTER.items():
        module_name, _, name = where.partition(":")
        module = import_module(module_name)
        longer = getattr(module, name)
        assert longer > shorter, f"{where} is {longer} by now"
        put(module, name, shorter)
    put(reachable, "ANSWER_SECONDS", START_SECONDS)
