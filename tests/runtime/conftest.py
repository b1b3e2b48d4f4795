"""What the tests of processes stand on."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import psutil
import pytest

from kit.settings import Settings
from models.stores import migrate_postgres

Command = Callable[..., subprocess.CompletedProcess[str]]
WaitFor = Callable[[Callable[[], bool]], None]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user whom Postgres runs as under root can reach."""
    made = Path(tempfile.mkdtemp(prefix="flashsale-runtime-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def bare_environment() -> dict[str, str]:
    """Ours, without any setting of the project."""
    return {key: value for key, value in os.environ.items() if not key.startswith("FLASHSALE_")}


@pytest.fixture(scope="session")
async def quiet_database_url(settings: Settings) -> AsyncIterator[str]:
    """A migrated database with no jobs of other tests, whose sandbox stands still by now."""
    async with _own_database(settings.database_url) as url:
        await migrate_postgres(url)
        yield url


@pytest.fixture
def store_environment(
    settings: Settings, quiet_database_url: str, bare_environment: dict[str, str]
) -> dict[str, str]:
    """That of a deployment on the session's stores."""
    return {
        **bare_environment,
        "FLASHSALE_DATABASE_URL": quiet_database_url,
        "FLASHSALE_REDIS_URL": settings.redis_url,
        "FLASHSALE_MONGO_URL": settings.mongo_url,
        "FLASHSALE_STRIPE_API_KEY": settings.stripe_api_key.get_secret_value(),
        "FLASHSALE_STRIPE_API_BASE": settings.stripe_api_base,
        "FLASHSALE_STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret.get_secret_value(),
    }


@pytest.fixture
def run_command(folder: Path) -> Command:
    """Runs `flashsale ...` in the scratch folder to its end."""

    def run(*words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "runtime", *words],
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def wait_for() -> WaitFor:
    """Waits for a condition, at most forty seconds: a launcher gives its program fifteen to end."""

    def wait(holds: Callable[[], bool]) -> None:
        limit = time.monotonic() + 40
        while not holds():
            assert time.monotonic() < limit, "it did not come true in time"
            time.sleep(0.02)

    return wait


@pytest.fixture
async def empty_database_url(settings: Settings) -> AsyncIterator[str]:
    """A database of its own on the session's server, without a schema."""
    async with _own_database(settings.database_url) as url:
        yield url


@pytest.fixture
def is_gone() -> Callable[[int], bool]:
    """Whether a process has ended; a zombie, which only its parent's wait removes, has."""

    def gone(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return gone


@asynccontextmanager
async def _own_database(server_url: str) -> AsyncIterator[str]:
    """An empty database on the session's server, for as long as it is needed."""
    name = f"own_{uuid4().hex}"
    for_server = await asyncpg.connect(server_url)
    try:
        await for_server.execute(f"CREATE DATABASE {name}")
    finally:
        await for_server.close()
    yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    for_server = await asyncpg.connect(server_url)
    try:
        await for_server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await for_server.close()
