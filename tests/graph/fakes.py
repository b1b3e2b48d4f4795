"""What the fields of the small schema have instead of stores."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

from admission.errors import RateLimited
from auth.errors import Unauthenticated
from auth.sessions import Viewer, hash_token, new_token
from graph.context import Info
from graph.open_sessions import OpenSessions
from kit.clock import Clock
from subscriptions.mailbox import Audience


class FakeSessions:
    """Sessions in memory; they live until they are ended."""

    def __init__(self) -> None:
        self.viewers: dict[str, Viewer] = {}
        self.lookups = 0
        self.out_of_reach = False

    def open(self, role: str = "BUYER") -> str:
        token = new_token()
        self.viewers[token] = Viewer(f"usr_{len(self.viewers)}", role, hash_token(token))
        return token

    def end(self, token: str) -> None:
        del self.viewers[token]

    def known(self, token: str) -> Viewer | None:
        return self.viewers.get(token)

    async def viewer(self, token: str) -> Viewer:
        self.lookups += 1
        if self.out_of_reach:
            raise ConnectionError("postgres://shop:hunter2@db is away")
        try:
            return self.viewers[token]
        except KeyError:
            raise Unauthenticated from None


class FakeLimiter:
    """Refuses the buyer called flood."""

    def __init__(self) -> None:
        self.admitted: list[tuple[str, str | None, str | None]] = []

    async def admit(
        self, scope: str, *, buyer: str | None, address: str | None, cost: int = 1
    ) -> None:
        if buyer == "flood":
            raise RateLimited(1_500)
        self.admitted.extend([(scope, buyer, address)] * cost)


class Board:
    """Numbered states of things, and who watches them."""

    def __init__(self) -> None:
        self.present: dict[str, int] = {}
        self.watching: Audience[int] = Audience()
        self.reads = 0
        self.reading = asyncio.Event()  # cleared: whoever reads waits
        self.reading.set()

    def put(self, key: str, version: int) -> None:
        """A newer state, told to those who watch."""
        self.present[key] = version
        self.watching.tell(key, version)

    async def read(self, key: str) -> int:
        self.reads += 1
        version = self.present.get(key, 0)
        await self.reading.wait()
        return version


@dataclass
class Fakes:
    """What the small schema's fields have instead of stores."""

    sessions: FakeSessions = field(default_factory=FakeSessions)
    limiter: FakeLimiter = field(default_factory=FakeLimiter)
    open_sessions: OpenSessions = field(default_factory=OpenSessions)
    calls: list[str] = field(default_factory=list)
    board: Board = field(default_factory=Board)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    clock: Clock = field(default_factory=Clock)
    hears: bool = True
    sold_out: set[str] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def refuses_at_once(self, user_id: str, deal_id: str) -> bool:
        """Whether the deal is sold out; who was refused is remembered."""
        if deal_id not in self.sold_out:
            return False
        self.refused.append((user_id, deal_id))
        return True


def fakes_of(info: Info) -> Fakes:
    return cast("Fakes", info.context.resources)
