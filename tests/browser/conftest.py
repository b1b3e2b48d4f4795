"""One sale and one browser for all of them; each test has its own deals, buyers and profiles."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.shopkeeping import Shopkeeper, open_shop
from tests.browser.visitor import FLAGS, LIMIT_MS, Visitor, visiting
from tests.journey.client import Api
from tests.journey.conftest import Sale, running_sale

Visit = Callable[..., AbstractAsyncContextManager[Visitor]]


@pytest.fixture(scope="session")
def sale() -> Iterator[Sale]:
    with running_sale() as started:
        yield started


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=LIMIT_MS)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS
        )
        yield started
        await started.close()


@pytest.fixture(scope="session")
async def shopkeeper(sale: Sale) -> AsyncIterator[Shopkeeper]:
    async with httpx.AsyncClient() as client:
        yield await open_shop(Api(client, sale.api))


@pytest.fixture
def visit(browser: Browser, sale: Sale) -> Visit:
    """`async with visit(token=...) as visitor`; nothing may go wrong on its page meanwhile."""

    @asynccontextmanager
    async def visits(**options: Any) -> AsyncIterator[Visitor]:
        async with visiting(browser, sale.api, sale.sandbox, **options) as visitor:
            yield visitor
        assert visitor.troubles == []

    return partial(visits)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first of them waits until a whole sale has started, which takes a busy machine long."""
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.timeout(300))
