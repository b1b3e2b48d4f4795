"""Hashing passwords with argon2id: in threads, two at a time, with a bounded queue."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from auth.errors import HashingBusy

# OWASP's password storage cheat sheet: 19 MiB, two passes, one lane. The library's defaults
# (64 MiB, four lanes) would let a login rush take the machine away from the sale.
MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2
LANES: Final = 1
AT_ONCE: Final = 2
# About 20 ms each and two at once: the last in the queue is answered within five seconds.
WAITING: Final = 400
RETRY_AFTER_MS: Final = 5_000

Answer = TypeVar("Answer")


class Passwords:
    """Makes and checks password hashes without holding up the event loop."""

    def __init__(self, *, waiting: int = WAITING) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        # Threads of its own: a cancelled request leaves its thread counted until it has ended.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._most = waiting
        self._waiting = 0
        # Checked where there is no account, so that an unknown e-mail takes as long as a known one.
        self._decoy = self._hasher.hash(secrets.token_urlsafe())

    def close(self) -> None:
        """Let the threads end; whoever still waits is answered first."""
        self._threads.shutdown(wait=False)

    async def hash(self, password: str) -> str:
        """An encoded argon2id hash with its own salt.

        Raises:
            HashingBusy: too many wait already.
        """
        return await self._in_a_thread(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password made this hash; always False without one, at the same cost.

        Raises:
            HashingBusy: too many wait already.
        """
        matches = await self._in_a_thread(
            lambda: self._matches(password_hash or self._decoy, password)
        )
        return matches and password_hash is not None

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_a_thread(self, work: Callable[[], Answer]) -> Answer:
        if self._waiting >= self._most:
            raise HashingBusy(RETRY_AFTER_MS)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
