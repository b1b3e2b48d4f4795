"""What all tests stand on: real stores, started once a session, and the settings to reach them."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from kit.redis_client import open_redis
from kit.settings import Settings, load_settings
from models.stores import migrate_mongo, migrate_postgres
from runtime.embedded import EmbeddedStores
from runtime.resources import Resources, open_resources
from sandbox.app import SandboxConfig, create_sandbox
from tests.left_out import LeftOut, find_left_out
from tests.sandbox.running import serve

STRIPE_API_KEY = "sk_test_flashsale_tests"
STRIPE_PUBLISHABLE_KEY = "pk_test_flashsale_tests"
STRIPE_WEBHOOK_SECRET = "whsec_flashsale_tests"


# The top of the ladder, in this order: tests that start programs. All but the first stop this
# process' event loop meanwhile.
PROGRAMS = ("clients", "proxy", "runtime", "journey", "browser")
LEFT_OUT = pytest.StashKey[dict[str, LeftOut]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = find_left_out()


def pytest_report_header(config: pytest.Config) -> list[str]:
    return _told(config)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in _told(config):
        terminalreporter.write_line(line, yellow=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Climb the ladder from units to running programs, as far as there are the programs for it.

    While a program is waited for, the event loop stands still, and the session's own connections
    to the stores go stale: whoever needs them comes first.
    """
    left_out = config.stash[LEFT_OUT]
    beyond = [item for item in items if item.path.parent.name in left_out]
    if beyond and os.environ.get("CI") == "true":
        raise pytest.UsageError(*_told(config))
    config.hook.pytest_deselected(items=beyond)
    items[:] = [item for item in items if item.path.parent.name not in left_out]
    items.sort(key=lambda item: _rung(item.path.parent.name))


def _rung(folder: str) -> int:
    return PROGRAMS.index(folder) + 1 if folder in PROGRAMS else 0


def _told(config: pytest.Config) -> list[str]:
    return [f"Left out: {left_out}" for left_out in config.stash[LEFT_OUT].values()]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the session's servers listen."""

    database_url: str
    redis_url: str
    mongo_url: str


@pytest.fixture(scope="session")
def stores_folder() -> Iterator[Path]:
    # Not pytest's own folder: that is closed to the user that Postgres runs as under root.
    folder = Path(tempfile.mkdtemp(prefix="flashsale-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def stores(stores_folder: Path) -> AsyncIterator[Stores]:
    """PostgreSQL, Valkey and MongoDB, empty but migrated."""
    with EmbeddedStores(stores_folder, password="tests") as embedded:
        reached = Stores(**embedded.urls)
        await migrate_postgres(reached.database_url)
        await migrate_mongo(reached.mongo_url)
        yield reached


@pytest.fixture(scope="session")
async def sandbox_address(stores_folder: Path) -> AsyncIterator[str]:
    """The address of a payment sandbox that sends no webhooks: tests settle by themselves."""
    config = SandboxConfig(
        data_dir=stores_folder / "sandbox",
        secret_key=STRIPE_API_KEY,
        publishable_key=STRIPE_PUBLISHABLE_KEY,
        webhook_url="",
        webhook_secret=STRIPE_WEBHOOK_SECRET,
    )
    async with serve(create_sandbox(config)) as address:
        yield address


@pytest.fixture(scope="session")
def settings(stores: Stores, sandbox_address: str) -> Settings:
    """As an API process of this session would have them."""
    return load_settings(
        database_url=stores.database_url,
        redis_url=stores.redis_url,
        mongo_url=stores.mongo_url,
        stripe_api_key=SecretStr(STRIPE_API_KEY),
        stripe_publishable_key=STRIPE_PUBLISHABLE_KEY,
        stripe_api_base=sandbox_address,
        intents_per_second=1_000,
        stripe_webhook_secret=SecretStr(STRIPE_WEBHOOK_SECRET),
        secret_key=SecretStr("a-secret-of-these-tests"),
    )


@pytest.fixture(scope="session")
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    client = open_redis(settings.redis_url, connections=settings.redis_pool)
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
async def pool(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(
        settings.database_url, min_size=1, max_size=settings.postgres_pool
    ) as opened:
        yield opened


@pytest.fixture(scope="session")
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    """Everything a process holds open; one for the session, since Tortoise is global."""
    async with open_resources(settings) as opened:
        yield opened
