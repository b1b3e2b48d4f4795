"""A graceful restart: what is open is sent away little by little, and told when to come back."""

import asyncio
import random
from typing import Final, Protocol

import structlog

log = structlog.get_logger()

# The server waits ten seconds for connections to end before it cuts them.
LAST_MOMENT_SECONDS: Final = 9.5
LONGEST_SPREAD_SECONDS: Final = 8.0
LONGEST_RETURN_MS: Final = 1_000


class Guest(Protocol):
    """A socket or an event stream that is open."""

    def send_home(self, return_after_ms: int) -> None:
        """End it, and tell the client to come back after so long. Must not block."""


class Farewell:
    """Ends what is open when this process is to stop, a few at a time.

    A crowd that is cut off at once comes back at once, and its requests for the present state
    fall upon the processes that are left. Whoever waits for their turn is served until then.
    """

    def __init__(self, *, ends_per_second: float) -> None:
        self._ends_per_second = ends_per_second
        self._guests: set[Guest] = set()
        self._said = False
        self._said_at = 0.0

    def __len__(self) -> int:
        return len(self._guests)

    def welcome(self, guest: Guest) -> None:
        """Remember somebody to send home; one who comes while we leave has their turn at once."""
        self._guests.add(guest)
        if self._said:
            asyncio.get_running_loop().call_soon(self._send_home, guest)

    def forget(self, guest: Guest) -> None:
        """Somebody left by themselves. May be repeated."""
        self._guests.discard(guest)

    def say(self) -> None:
        """Begin to send everybody home, in no order that a client could know. May be repeated."""
        if self._said:
            return
        self._said = True
        self._said_at = asyncio.get_running_loop().time()
        guests = list(self._guests)
        if not guests:
            return
        random.shuffle(guests)
        spread = min(len(guests) / self._ends_per_second, LONGEST_SPREAD_SECONDS)
        log.info("sending_home", guests=len(guests), within_seconds=round(spread, 3))
        loop = asyncio.get_running_loop()
        for turn, guest in enumerate(guests):
            loop.call_later(spread * turn / len(guests), self._send_home, guest)

    def patience(self, seconds: float) -> float:
        """How much of so many seconds is left before the server cuts whoever is still there."""
        passed = asyncio.get_running_loop().time() - self._said_at if self._said else 0.0
        return max(0.0, min(seconds, LAST_MOMENT_SECONDS - passed))

    def _send_home(self, guest: Guest) -> None:
        if guest in self._guests:
            self._guests.discard(guest)
            guest.send_home(random.randrange(LONGEST_RETURN_MS))  # noqa: S311 - no secret
