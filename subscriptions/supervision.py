"""Keeps a work of the hub going, whatever happens to it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

log = structlog.get_logger()

FIRST_DELAY_SECONDS: Final = 0.1
LONGEST_DELAY_SECONDS: Final = 5.0


async def supervise(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do a work that never ends; begin again, more and more patiently, when it fails."""
    delay = FIRST_DELAY_SECONDS
    while True:
        began = asyncio.get_running_loop().time()
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it was, the hub must go on
            log.warning("hub_failed", work=work.__name__, error=repr(error))
        if asyncio.get_running_loop().time() - began > LONGEST_DELAY_SECONDS:
            delay = FIRST_DELAY_SECONDS
        await asyncio.sleep(delay)
        delay = min(delay * 2, LONGEST_DELAY_SECONDS)
