"""Sessions: opened at sign-in, looked up with every personal request, revoked at once."""

import asyncio
import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from auth.errors import Unauthenticated
from kit.clock import Clock

# A revocation reaches other processes by event; if the event is lost, within this time.
CACHED_FOR: Final = timedelta(seconds=5)
CACHED_SESSIONS: Final = 100_000  # about 40 MiB; the rest is one indexed row away
# Hashes in one query; the rest of a turn is asked beside it.
MOST_READ: Final = 500
_TOKEN_BYTES: Final = 32
_TOKEN = re.compile(r"fss_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who a request is signed in as. `token_hash` names the session, and signs nobody in."""

    user_id: str
    role: str
    token_hash: bytes


@dataclass(frozen=True, slots=True)
class _Known:
    viewer: Viewer
    expires_at: datetime
    read_at: datetime


class Sessions:
    """Sessions in Postgres, which decides, and for a few seconds in this process's memory.

    Only hashes of tokens are kept; a token is never logged, nor part of an error.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        clock: Clock,
        session_days: int,
        *,
        cached_sessions: int = CACHED_SESSIONS,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._lives = timedelta(days=session_days)
        self._most = cached_sessions
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._drops = 0
        self._wanted: dict[bytes, list[asyncio.Future[_Known | None]]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def open(self, user_id: str) -> tuple[str, datetime]:
        """A fresh token, shown only here, and when it stops working.

        A repeat opens another session.
        """
        token = new_token()
        now = self._clock.now()
        expires_at = now + self._lives
        await self._pool.execute(
            "INSERT INTO sessions (token_hash, user_id, created_at, expires_at)"
            " VALUES ($1, $2, $3, $4)",
            hash_token(token),
            user_id,
            now,
            expires_at,
        )
        return token, expires_at

    def known(self, token: str) -> Viewer | None:
        """Whose session this token opens, if memory can say; None says nothing of the token."""
        if not _TOKEN.fullmatch(token):
            return None
        now = self._clock.now()
        known = self._remembered(hash_token(token), now)
        return None if known is None or known.expires_at <= now else known.viewer

    async def viewer(self, token: str) -> Viewer:
        """Whose session this token opens.

        Raises:
            Unauthenticated: nobody's; the token may be malformed, unknown, expired or revoked.
        """
        if not _TOKEN.fullmatch(token):
            raise Unauthenticated
        token_hash = hash_token(token)
        now = self._clock.now()
        known = self._remembered(token_hash, now) or await self._ask(token_hash)
        if known is None or known.expires_at <= now:
            raise Unauthenticated
        return known.viewer

    async def revoke(self, token_hash: bytes) -> bool:
        """End a session for good. May be repeated; False when there was none to end.

        This process forgets it at once. The caller tells the others, which call `drop`.
        """
        try:
            ended = await self._pool.execute(
                "UPDATE sessions SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL",
                token_hash,
                self._clock.now(),
            )
        finally:
            self.drop(token_hash)
        return ended == "UPDATE 1"

    def drop(self, token_hash: bytes) -> None:
        """Forget what memory says of a session; the next request asks Postgres."""
        self._drops += 1
        self._known.pop(token_hash, None)

    def _remembered(self, token_hash: bytes, now: datetime) -> _Known | None:
        known = self._known.get(token_hash)
        # A clock that was set back makes an age negative: what was read then proves nothing.
        if known is None or not timedelta() <= now - known.read_at < CACHED_FOR:
            return None
        return known

    async def _ask(self, token_hash: bytes) -> _Known | None:
        """What Postgres says, in one query with all who ask in the same turn of the loop."""
        loop = asyncio.get_running_loop()
        if not self._wanted:
            loop.call_soon(self._begin_reading)
        answer: asyncio.Future[_Known | None] = loop.create_future()
        self._wanted.setdefault(token_hash, []).append(answer)
        return await answer

    def _begin_reading(self) -> None:
        wanted, self._wanted = list(self._wanted.items()), {}
        for at in range(0, len(wanted), MOST_READ):
            task = asyncio.create_task(self._read(dict(wanted[at : at + MOST_READ])))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _read(self, wanted: dict[bytes, list["asyncio.Future[_Known | None]"]]) -> None:
        """Read sessions, and answer all who want them."""
        now, drops = self._clock.now(), self._drops
        found: dict[bytes, _Known] = {}
        error: Exception | None = None
        try:
            rows = await self._pool.fetch(
                "SELECT s.token_hash, s.user_id, u.role, s.expires_at"
                " FROM sessions s JOIN users u ON u.id = s.user_id"
                " WHERE s.token_hash = ANY($1::bytea[]) AND s.revoked_at IS NULL",
                list(wanted),
            )
        except Exception as failure:  # noqa: BLE001 - whoever waits gets it
            error = failure
        else:
            for row in rows:
                viewer = Viewer(row["user_id"], row["role"], row["token_hash"])
                found[viewer.token_hash] = _Known(viewer, row["expires_at"], now)
            # One revoked while its row was on the way must not be remembered as living.
            if drops == self._drops:
                self._remember(wanted, found)
        for token_hash, waiting in wanted.items():
            for answer in waiting:
                if answer.done():
                    continue
                if error is None:
                    answer.set_result(found.get(token_hash))
                else:
                    answer.set_exception(error)

    def _remember(self, wanted: Iterable[bytes], found: Mapping[bytes, _Known]) -> None:
        for token_hash in wanted:
            self._known.pop(token_hash, None)
        self._known.update(found)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def new_token() -> str:
    """A session token: 256 random bits in URL-safe characters, recognisable by its prefix."""
    return f"fss_{secrets.token_urlsafe(_TOKEN_BYTES)}"


def hash_token(token: str) -> bytes:
    """What is stored of a token. A fast hash is enough: 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).digest()
