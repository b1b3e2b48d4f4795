"""What a page shows follows the sale, without being loaded again."""

import asyncio
import signal

import httpx
import psutil
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.shopkeeping import Shopkeeper
from tests.browser.visitor import Visitor
from tests.journey.client import Api
from tests.journey.conftest import Sale
from tests.journey.test_journey import in_

# What Chromium itself writes about a server that is away.
AWAY = ("WebSocket connection to", "Failed to load resource")
MARK = "window.notLoadedAgain = true"


async def mark(visitor: Visitor) -> None:
    """Leave something on the page that would be gone if it were loaded again."""
    await visitor.page.evaluate(MARK)


async def was_not_loaded_again(visitor: Visitor) -> bool:
    return bool(await visitor.page.evaluate("window.notLoadedAgain === true"))


async def test_the_stock_bar_moves_because_somebody_else_bought(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal, somebody = await shopkeeper.deal(), await shopkeeper.buyer()
    async with visit() as visitor:
        await visitor.go("/#/?sort=NEWEST")
        card = visitor.page.get_by_role("article", name=deal["title"])
        bar = card.get_by_role("meter")
        await expect(bar).to_have_attribute("aria-valuetext", "5 of 5 left")
        await mark(visitor)
        await somebody.run("AddToCart", input={"dealId": deal["id"], "quantity": 2})
        await expect(bar).to_have_attribute("aria-valuenow", "3")
        await expect(bar).to_have_attribute("aria-valuetext", "3 of 5 left")
        await expect(card).to_contain_text("3 of 5 left")
        assert await was_not_loaded_again(visitor)


async def test_a_page_that_sold_out_opens_again_when_a_unit_comes_back(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal, somebody = await shopkeeper.deal(allotment=1), await shopkeeper.buyer()
    async with visit() as visitor:
        await visitor.go_to_deal(deal["id"])
        await expect(visitor.button("Add to cart")).to_be_visible()
        await somebody.run("AddToCart", input={"dealId": deal["id"]})
        await expect(visitor.button("Sold out")).to_be_disabled()
        await somebody.run("RemoveFromCart", input={"dealId": deal["id"]})
        await expect(visitor.button("Add to cart")).to_be_enabled()


async def test_a_deal_opens_on_the_page_when_its_countdown_is_over(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    buyer = await shopkeeper.buyer()
    async with visit(token=buyer.token) as visitor:
        deal = await shopkeeper.deal(startsAt=in_(seconds=6), endsAt=in_(hours=1))
        await visitor.go_to_deal(deal["id"])
        timer = visitor.page.get_by_role("timer")
        await expect(timer).to_contain_text("Opens in")
        await expect(visitor.button("Not open yet")).to_be_disabled()
        await mark(visitor)
        await expect(timer).to_contain_text("Ends in")
        await visitor.button("Add to cart").click()
        await expect(visitor.page.get_by_text("1 in your cart, held for")).to_be_visible()
        assert await was_not_loaded_again(visitor)


async def test_a_deal_ends_on_the_page_when_its_countdown_is_over(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    async with visit() as visitor:
        deal = await shopkeeper.deal(endsAt=in_(seconds=7))
        await visitor.go_to_deal(deal["id"])
        await expect(visitor.button("Add to cart")).to_be_enabled()
        await expect(visitor.button("Ended")).to_be_disabled()
        await expect(visitor.page.get_by_role("timer")).to_contain_text("Ended")


async def test_a_wrong_clock_in_the_browser_changes_no_countdown(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal = await shopkeeper.deal(endsAt=in_(minutes=30))
    async with visit() as visitor:
        slow = "const right = Date.now.bind(Date); Date.now = () => right() - 3_600_000"
        await visitor.page.add_init_script(slow)
        await visitor.go_to_deal(deal["id"])
        await expect(visitor.page.get_by_role("timer")).to_contain_text("Ends in 29:")


async def test_a_page_finds_back_to_live_values_after_the_server_was_killed(
    visit: Visit, shopkeeper: Shopkeeper, sale: Sale
) -> None:
    await comes_back(visit, shopkeeper, sale, signal.SIGKILL)


async def test_a_page_finds_back_to_live_values_after_the_server_was_restarted(
    visit: Visit, shopkeeper: Shopkeeper, sale: Sale
) -> None:
    await comes_back(visit, shopkeeper, sale, signal.SIGTERM)


async def comes_back(visit: Visit, shopkeeper: Shopkeeper, sale: Sale, by: signal.Signals) -> None:
    deal, somebody = await shopkeeper.deal(), await shopkeeper.buyer()
    async with visit(forgiven=AWAY) as visitor:
        await visitor.go_to_deal(deal["id"])
        await expect(visitor.stock()).to_have_attribute("aria-valuenow", "5")
        await mark(visitor)
        interrupted = visitor.page.get_by_text("Live updates are interrupted. Reconnecting")
        gone = expect(interrupted.first).to_be_visible(timeout=30_000)
        watching = asyncio.create_task(gone)
        (server,) = api_processes(sale)
        server.send_signal(by)
        await watching
        await expect(interrupted.first).to_be_hidden(timeout=30_000)
        async with asyncio.timeout(30):
            while not await adds(somebody, deal["id"]):
                await asyncio.sleep(0.1)  # a kept connection of the API's client was lost, too
        await expect(visitor.stock()).to_have_attribute("aria-valuenow", "4")
        assert await was_not_loaded_again(visitor)


async def adds(somebody: Api, deal_id: str) -> bool:
    try:
        answer = await somebody.run("AddToCart", input={"dealId": deal_id})
    except httpx.TransportError:
        return False
    return bool(answer["__typename"] == "CartUpdated")


def api_processes(sale: Sale) -> list[psutil.Process]:
    children = psutil.Process(sale.process.pid).children(recursive=True)
    return [child for child in children if {"runtime", "serve"} <= set(child.cmdline())]
