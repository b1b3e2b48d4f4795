"""The tally: whom deals turned away and how many sockets are open, over all API processes."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

log = structlog.get_logger()

FLUSH_SECONDS: Final = 1.0
# Five flushes in a row were missed: the process is gone, or it hangs.
ALIVE_MS: Final = 5_000
# A deal that has turned nobody away for a day is not looked at any more.
KEPT_SECONDS: Final = 86_400
# Deals times codes between two flushes. A script adds as many in about 2 ms.
MOST_COUNTED: Final = 2_000
# Whoever stops has told its last second by then, or nobody will miss it.
LEAVE_SECONDS: Final = 1.0

_SEEN: Final = "{tally}:seen"
_SOCKETS: Final = "{tally}:sockets"
_TELL = Path(__file__).parent / "lua" / "tell.lua"


@dataclass(frozen=True, slots=True)
class Tallied:
    """The sums over all processes: refusals by deal, then by code."""

    processes: int
    sockets: int
    refusals: Mapping[str, Mapping[str, int]]


_NOTHING: Final = Tallied(processes=0, sockets=0, refusals={})


class Tally:
    """Counts in memory and adds to the sums in Redis about once a second; fails open.

    Each refusal is added at most once: a flush whose outcome is unknown is sent again under its
    number, which Redis adds once. Lost are the last second of a process that dies, and everything
    when Redis forgets; no request ever waits for this, or fails by it.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._process = secrets.token_hex(8)
        self._counted: dict[tuple[str, str], int] = {}
        self._sent: dict[tuple[str, str], int] = {}
        self._number = 0
        self._turn = asyncio.Lock()
        self._is_heard = True
        self._read: Tallied = _NOTHING
        self._script = _TELL.read_text()
        self._sha = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()

    def refused(self, deal_id: str, code: str) -> None:
        """Count one refusal. Only of deals that exist: what is counted here is bounded by them."""
        key = (deal_id, code)
        known = self._counted.get(key)
        if known is not None:
            self._counted[key] = known + 1
        elif len(self._counted) < MOST_COUNTED:
            self._counted[key] = 1

    @asynccontextmanager
    async def telling(self, sockets: Callable[[], int]) -> AsyncIterator[None]:
        """While the block runs, this process is one of those that are counted; `sockets` it has."""
        task = asyncio.create_task(self._tell_always(sockets), name="tally")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_SECONDS):
                    await self.flush(sockets=None)

    async def flush(self, *, sockets: int | None) -> bool:
        """Add what was counted since the last flush; whether Redis has confirmed it.

        `sockets` is how many are open, None when this process ends. May be repeated.
        """
        async with self._turn:
            if not self._sent:
                self._sent, self._counted = self._counted, {}
                self._number += 1
            try:
                await self._add(self._sent, sockets)
            except (RedisError, OSError) as error:
                if self._is_heard:
                    log.warning("tally_not_told", error=repr(error))
                self._is_heard = False
                return False
            self._is_heard = True
            self._sent = {}
            return True

    async def sums(self, deal_ids: Iterable[str]) -> Tallied:
        """Fails open: what all processes have told; while Redis is away, what was last known."""
        wanted = list(deal_ids)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hgetall(_SOCKETS)
                for deal_id in wanted:
                    pipe.hgetall(_refused_key(deal_id))
                sockets, *refusals = await pipe.execute()
        except (RedisError, OSError) as error:
            log.debug("tally_not_read", error=repr(error))
            return self._read
        self._read = Tallied(
            processes=len(sockets),
            sockets=sum(map(int, sockets.values())),
            refusals={
                deal_id: {code: int(count) for code, count in counts.items()}
                for deal_id, counts in zip(wanted, refusals, strict=True)
            },
        )
        return self._read

    async def _tell_always(self, sockets: Callable[[], int]) -> None:
        while True:
            await self.flush(sockets=sockets())
            await asyncio.sleep(FLUSH_SECONDS)

    async def _add(self, counts: Mapping[tuple[str, str], int], sockets: int | None) -> None:
        keys = [f"{{tally}}:flush:{self._process}", _SEEN, _SOCKETS]
        place = {
            deal_id: index
            for index, deal_id in enumerate(
                dict.fromkeys(deal_id for deal_id, _ in counts), start=len(keys) + 1
            )
        }
        keys += [_refused_key(deal_id) for deal_id in place]
        args: list[str | int] = [
            self._process,
            self._number,
            -1 if sockets is None else sockets,
            ALIVE_MS,
            KEPT_SECONDS,
        ]
        for (deal_id, code), count in counts.items():
            args += [place[deal_id], code, count]
        try:
            await self._redis.evalsha(self._sha, len(keys), *keys, *args)
        except NoScriptError:
            await self._redis.script_load(self._script)
            await self._redis.evalsha(self._sha, len(keys), *keys, *args)


def _refused_key(deal_id: str) -> str:
    """Hash: code -> how often this deal refused with it."""
    return f"{{tally}}:refused:{deal_id}"
