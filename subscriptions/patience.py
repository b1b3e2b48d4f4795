"""Reading again until a store answers: an outage must not end a subscription."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from orders.errors import OUT_OF_REACH, TryLater

log = structlog.get_logger()

T = TypeVar("T")

FIRST_DELAY_SECONDS: Final = 0.2
LONGEST_DELAY_SECONDS: Final = 5.0

OUTAGES: Final = (TryLater, *OUT_OF_REACH)
"""What is raised while a store is out of reach."""


async def patiently(read: Callable[[], Awaitable[T]]) -> T:
    """What `read` answers, as soon as it does; it is asked for as long as the caller waits.

    A client that subscribed sees a pause instead of an error, and the present state after it.
    """
    delay = FIRST_DELAY_SECONDS
    while True:
        try:
            return await read()
        except OUTAGES as error:
            # A thousand subscriptions wait for the same store, which others complain about.
            log.debug("subscription_waits", error=repr(error), retry_in_seconds=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)
