"""Rate limits: they fail open with a local floor, so that a lost Redis locks nobody out."""

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from admission.errors import RateLimited
from admission.figures import Figures, Kind, Scope, figures_of
from admission.floor import LocalFloor
from kit.lua import assemble
from kit.settings import Limits

log = structlog.get_logger()

# A Redis that did not answer is left alone for this long: waiting for it would stop everybody.
REST_SECONDS = 1.0

_FOLDER: Final = Path(__file__).parent / "lua"
PARTS: Final = _FOLDER / "shared"
"""How attempts are counted, for scripts that count them with other things."""

Subject: TypeAlias = tuple[str, Figures]
"""The name of somebody's attempts in Redis, and how many there may be."""


class Limiter:
    """Counts attempts per buyer (strict) and per address (loose), over all processes."""

    def __init__(
        self, redis: Redis, limits: Limits, *, now_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._figures = figures_of(limits)
        self._floor = LocalFloor(now_seconds)
        self._now_seconds = now_seconds
        self._script = assemble(_FOLDER, [PARTS])["admit"]
        self._sha = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._rests_until = -1.0

    async def admit(
        self, scope: Scope, *, buyer: str | None, address: str | None, cost: int = 1
    ) -> None:
        """Fails open: count `cost` attempts, in this process alone while Redis is out of reach.

        A refused attempt is not counted. After a lost reply one may be counted twice.

        Raises:
            RateLimited: when to try again.
        """
        await self.admit_all(self.subjects(scope, buyer=buyer, address=address), cost=cost)

    def subjects(self, scope: Scope, *, buyer: str | None, address: str | None) -> list[Subject]:
        """Whose attempts are counted, the buyer before the address, under which figures."""
        return [
            (f"{{limit:{_digest(kind, who)}}}:{scope}", self._figures[scope, kind])
            for kind, who in _named(buyer, address)
        ]

    async def admit_all(self, subjects: Sequence[Subject], *, cost: int = 1) -> None:
        """As `admit`, for subjects."""
        assert cost > 0
        if not subjects:
            return
        waits = await self._count(subjects, cost)
        if any(waits):
            admitted = [one for one, wait in zip(subjects, waits, strict=True) if not wait]
            if admitted:
                await self._count(admitted, -cost)
            raise RateLimited(max(waits))

    def admit_here(self, subjects: Sequence[Subject]) -> None:
        """Count one attempt of each in this process alone.

        Raises:
            RateLimited: when to try again; the attempt is not counted.
        """
        waits = [self._floor.admit(key, 1, figures) for key, figures in subjects]
        if any(waits):
            for (key, figures), wait in zip(subjects, waits, strict=True):
                if not wait:
                    self._floor.admit(key, -1, figures)
            raise RateLimited(max(waits))

    def for_script(self, subjects: Sequence[Subject]) -> Sequence[Subject]:
        """Those whose attempt a script is to count; none, and counted here, while Redis rests.

        Raises:
            RateLimited: when to try again; the attempt is not counted.
        """
        if self._now_seconds() >= self._rests_until:
            return subjects
        self.admit_here(subjects)
        return ()

    def not_counted(self, subjects: Sequence[Subject], error: Exception) -> None:
        """Hear that a script failed which was to count: what it was asked may have been done."""
        self._rest(error)
        with suppress(RateLimited):
            self.admit_here(subjects)

    async def _count(self, subjects: Sequence[Subject], cost: int) -> list[int]:
        """For each subject 0, or how long to wait, ms; a negative cost gives attempts back."""
        if self._now_seconds() >= self._rests_until:
            try:
                return await self._count_in_redis(subjects, cost)
            except (RedisError, OSError) as error:
                self._rest(error)
        return [self._floor.admit(key, cost, figures) for key, figures in subjects]

    def _rest(self, error: Exception) -> None:
        self._rests_until = self._now_seconds() + REST_SECONDS
        log.warning("limits_counted_locally", error=repr(error))

    async def _count_in_redis(self, subjects: Sequence[Subject], cost: int) -> list[int]:
        try:
            return await self._evaluate(subjects, cost)
        except NoScriptError:
            # The script runs for all subjects of one call or for none: it was missing before.
            await self._redis.script_load(self._script)
            return await self._evaluate(subjects, cost)

    async def _evaluate(self, subjects: Sequence[Subject], cost: int) -> list[int]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for key, figures in subjects:
                pipe.evalsha(
                    self._sha,
                    1,
                    key,
                    cost,
                    figures.burst,
                    figures.window_ms,
                    repr(figures.per_second),
                )
            return [int(wait) for wait in await pipe.execute()]


def _named(buyer: str | None, address: str | None) -> list[tuple[Kind, str]]:
    named: list[tuple[Kind, str]] = []
    if buyer is not None:
        named.append(("buyer", buyer))
    if address is not None:
        named.append(("address", address))
    return named


def _digest(kind: Kind, who: str) -> str:
    """A subject's name in Redis: of bounded length, and no e-mail address in clear."""
    return hashlib.blake2b(f"{kind}:{who}".encode(), digest_size=16).hexdigest()
