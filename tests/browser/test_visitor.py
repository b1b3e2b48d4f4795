"""The visitor notices what no page of ours may do; else the other tests would prove little."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Error

from tests.browser.visitor import Visitor, visiting
from tests.journey.conftest import Sale

ELSEWHERE = "http://192.0.2.1/"


@pytest.fixture
async def visitor(browser: Browser, sale: Sale) -> AsyncIterator[Visitor]:
    async with visiting(browser, sale.api, sale.sandbox) as started:
        await started.go("/#/signin")
        assert started.troubles == []
        yield started


async def test_a_request_to_elsewhere_is_noticed_and_does_not_leave(visitor: Visitor) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        await visitor.page.goto(ELSEWHERE)
    assert f"request to elsewhere: {ELSEWHERE}" in visitor.troubles


async def test_what_the_pages_policy_forbids_is_noticed(visitor: Visitor) -> None:
    await visitor.page.evaluate(f"fetch('{ELSEWHERE}').catch(() => {{}})")
    await visitor.page.evaluate("document.body.append(document.createElement('script'))")
    await visitor.page.evaluate("document.querySelector('script:not([src])').textContent = 'x'")
    told = " ".join(visitor.troubles)
    assert "connect-src" in told
    assert "script-src" in told or "default-src" in told


async def test_an_error_of_a_page_is_noticed(visitor: Visitor) -> None:
    await visitor.page.evaluate("setTimeout(() => { throw new Error('a mistake') })")
    await visitor.page.wait_for_event("pageerror", timeout=5_000)
    assert visitor.troubles == ["error: a mistake"]
