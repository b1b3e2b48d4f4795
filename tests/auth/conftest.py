"""What the tests of accounts and sessions stand on."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from tortoise.context import TortoiseContext

from auth.accounts import Accounts
from auth.passwords import Passwords
from auth.sessions import Sessions
from kit.clock import Clock
from kit.settings import Settings
from models.stores import tortoise_config


class SetClock(Clock):
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def pass_time(clock: SetClock) -> Callable[[timedelta], None]:
    """Moves the clock that accounts and sessions go by."""
    return clock.move


@pytest.fixture(scope="session")
def passwords() -> Iterator[Passwords]:
    made = Passwords()
    yield made
    made.close()


@pytest.fixture
async def accounts(
    settings: Settings, passwords: Passwords, clock: SetClock
) -> AsyncIterator[Accounts]:
    async with TortoiseContext() as context:
        await context.init(config=tortoise_config(settings.database_url, pool_size=4))
        yield Accounts(passwords, clock)


@pytest.fixture
def sessions(pool: asyncpg.Pool, clock: SetClock) -> Sessions:
    return Sessions(pool, clock, session_days=30)


@pytest.fixture
def email() -> str:
    """An address that no other test has registered."""
    return f"{uuid4().hex}@buyers.example"
