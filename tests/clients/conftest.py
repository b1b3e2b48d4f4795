"""The npm packages, one API process on the session's stores, and clients that reach it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from auth.seeding import seed_buyers
from kit.settings import Settings
from runtime.resources import Resources
from tests.clients.api_process import ApiProcess
from tests.clients.packages import installed_packages
from tests.clients.program import Program, running
from tests.journey.client import Api
from tests.orders.shop import Shop

OTHER_SHOP = "https://shop.example"
Connect = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    return installed_packages()


@pytest.fixture(scope="session")
async def api_process(
    settings: Settings, stores_folder: Path, resources: Resources
) -> AsyncIterator[ApiProcess]:
    """One that lives as long as the tests do."""
    assert resources.settings is settings  # the stores are migrated by now
    origins = {"FLASHSALE_PUBLIC_ORIGINS": OTHER_SHOP}
    async with ApiProcess(settings, stores_folder, **origins) as started:
        yield started


@pytest.fixture
async def api(api_process: ApiProcess) -> AsyncIterator[Api]:
    async with httpx.AsyncClient() as client:
        yield Api(client, api_process.address)


@dataclass
class Buyer:
    """Somebody with a session, and the API as they use it."""

    token: str
    api: Api


@pytest.fixture
async def buyer(resources: Resources, api: Api) -> Buyer:
    (token,) = await seed_buyers(resources.pool, buyers=1, session_days=1)
    return Buyer(token, api.as_(token))


@pytest.fixture
async def shop(resources: Resources) -> Shop:
    return Shop(resources)


@pytest.fixture(scope="session")
def ws(npm_packages: Path, api_process: ApiProcess) -> Connect:
    """Connects graphql-ws: `async with ws(**options) as client`."""
    assert npm_packages.is_dir()
    address = api_process.address.replace("http", "ws", 1) + "/graphql"
    return partial(running, "socket.mjs", url=address)


@pytest.fixture(scope="session")
def sse(npm_packages: Path, api_process: ApiProcess) -> Connect:
    """Makes a client of graphql-sse: `async with sse(**options) as client`."""
    assert npm_packages.is_dir()
    return partial(running, "stream.mjs", url=f"{api_process.address}/graphql")


@pytest.fixture(scope="session")
async def silent(ws: Connect) -> AsyncIterator[Program]:
    """A client that connects and then says nothing at all."""
    async with ws(silent=True) as client:
        yield client


@pytest.fixture(scope="session")
async def idle(ws: Connect) -> AsyncIterator[Program]:
    """A client that only answers when it is spoken to."""
    async with ws() as client:
        yield client


@pytest.fixture(scope="session", autouse=True)
def _waiting_meanwhile(silent: Program, idle: Program) -> None:
    """What takes a minute of the server's own pace begins first, and is asked for last."""
    assert silent.seen == idle.seen == []


def bearer(token: str) -> dict[str, Any]:
    return {"authorization": f"Bearer {token}"}
