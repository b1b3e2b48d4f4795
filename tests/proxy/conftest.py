"""One API process on the session's stores, and nginx before it."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from auth.seeding import seed_buyers
from kit.settings import Settings
from runtime.resources import Resources
from tests.clients.api_process import ApiProcess
from tests.journey.client import Api
from tests.orders.shop import Shop
from tests.proxy.proxy_process import running_nginx

# From one address, while these tests run.
SIGN_INS = 5


@pytest.fixture(scope="session")
def proxy_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="flashsale-nginx-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
async def proxied(
    settings: Settings, stores_folder: Path, resources: Resources
) -> AsyncIterator[ApiProcess]:
    """The API behind nginx."""
    assert resources.settings is settings  # the stores are migrated by now
    behind = {
        # As docker-compose.yml has it, networks by comma.
        "FLASHSALE_TRUSTED_PROXIES": "172.16.0.0/12,127.0.0.0/29",
        "FLASHSALE_LIMIT_SIGN_IN_ADDRESS_BURST": str(SIGN_INS),
        "FLASHSALE_LIMIT_SIGN_IN_ADDRESS_WINDOW_SECONDS": "600",
        "FLASHSALE_LIMIT_SIGN_IN_ADDRESS_PER_SECOND": "0.01",
    }
    async with ApiProcess(settings, stores_folder, **behind) as started:
        yield started


@pytest.fixture(scope="session")
async def nginx(proxied: ApiProcess, proxy_folder: Path) -> AsyncIterator[str]:
    """The address of nginx."""
    async with running_nginx(proxy_folder, proxied.address) as address:
        yield address


@pytest.fixture
async def web(nginx: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of nginx."""
    async with httpx.AsyncClient(base_url=nginx, timeout=20) as client:
        yield client


@pytest.fixture
async def shop(resources: Resources) -> Shop:
    return Shop(resources)


@pytest.fixture
async def tokens(resources: Resources) -> list[str]:
    """Of two buyers."""
    return await seed_buyers(resources.pool, buyers=2, session_days=1)


@pytest.fixture
async def api(web: httpx.AsyncClient, nginx: str, tokens: list[str]) -> Api:
    """The API through nginx, as the first of them uses it."""
    return Api(web, nginx, tokens[0])
