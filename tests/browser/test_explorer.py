"""The explorer at /graphql, the one page that asks a CDN for what it needs."""

from playwright.async_api import Browser, expect

from tests.browser.shopkeeping import Shopkeeper
from tests.browser.visitor import visiting
from tests.journey.conftest import Sale

CDN = "https://unpkg.com/"


async def test_without_its_cdn_the_explorer_shows_the_examples_as_text(
    browser: Browser, sale: Sale, shopkeeper: Shopkeeper
) -> None:
    deal = await shopkeeper.deal()
    # Chromium's own words for each file that is not there.
    async with visiting(browser, sale.api, forgiven=("Failed to load resource",)) as visitor:
        await visitor.go("/graphql")
        main = visitor.page.locator("#graphiql")
        await expect(main).to_contain_text("GraphiQL could not be loaded from unpkg.com.")
        await expect(main).to_contain_text("subscription")
        await expect(main).to_contain_text(deal["id"])
        elsewhere = f"request to elsewhere: {CDN}"
        assert [each for each in visitor.troubles if not each.startswith(elsewhere)] == []
