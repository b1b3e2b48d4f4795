"""Whether this process lives, and whether it can serve."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

log = structlog.get_logger()

# A probe that waits for longer is of no use to whoever has to decide where to send a buyer.
CHECK_SECONDS: Final = 2.0

Check = Callable[[], Awaitable[object]]


class Health:
    """Answers the two questions an orchestrator has.

    Without a `needed` store nothing can be sold. Without a `wanted` one the answers are poorer:
    no catalogue, no reason to send buyers away.
    """

    def __init__(self, *, needed: dict[str, Check], wanted: dict[str, Check]) -> None:
        self._needed = needed
        self._wanted = wanted

    async def alive(self, _request: Request) -> Response:
        """200 while the event loop turns."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """200 while all needed stores answer, else 503; says which do not."""
        checks = {**self._needed, **self._wanted}
        answers = await asyncio.gather(*(_works(name, check) for name, check in checks.items()))
        works = dict(zip(checks, answers, strict=True))
        ready = all(works[name] for name in self._needed)
        status = "ok" if all(answers) else "degraded" if ready else "unavailable"
        stores = {name: "ok" if well else "unreachable" for name, well in works.items()}
        return JSONResponse({"status": status, "stores": stores}, status_code=200 if ready else 503)


async def _works(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception as error:  # noqa: BLE001 - whatever a driver raises, its store does not answer
        log.warning("store_unreachable", store=name, error=repr(error))
        return False
    return True
