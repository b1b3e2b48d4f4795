"""The pages for everybody: with a keyboard alone, with a screen reader, on a phone, in the dark."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.shopkeeping import Shopkeeper
from tests.browser.visitor import PHONE_SIZE, Colours, Visitor
from tests.clients.packages import installed_packages
from tests.journey.client import Api

VIEWS = ("/#/?sort=NEWEST", "/#/deal/{deal}", "/#/cart", "/#/checkout", "/#/order/{order}")
SIGNED_OUT_VIEWS = ("/#/signin", "/#/signup")
SERIOUS = ("serious", "critical")
MOST_TABS = 40


@pytest.fixture(scope="session")
def axe() -> str:
    return (installed_packages() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def violations(page: Page, axe: str) -> list[str]:
    """What axe-core finds that keeps somebody out, by rule, with the places."""
    # Not by a script element: the page's own policy forbids those, as it should.
    await page.evaluate(axe)
    found: dict[str, Any] = await page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {[node['html'][:200] for node in violation['nodes']]}"
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
    ]


async def settle(visitor: Visitor, path: str) -> None:
    """Load a view, and wait until it shows what it is about."""
    await visitor.go(path)
    await expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()


async def stocked_buyer(shopkeeper: Shopkeeper) -> tuple[Api, dict[str, str]]:
    """A buyer with a checkout that has begun and an order that is not paid; where each is."""
    buyer = await shopkeeper.buyer()
    deal = await shopkeeper.deal(allotment=9)
    await buyer.run("AddToCart", input={"dealId": deal["id"]})
    checkout = await buyer.run("Checkout")
    placing = {
        "checkoutId": checkout["id"],
        "idempotencyKey": "once",
        "expectedTotal": checkout["total"],
    }
    placed = await buyer.run("PlaceOrder", input=placing)
    await buyer.run("AddToCart", input={"dealId": deal["id"]})
    await buyer.run("Checkout")
    return buyer, {"deal": deal["id"], "order": placed["order"]["id"]}


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_the_storefront_keeps_nobody_out(
    visit: Visit, shopkeeper: Shopkeeper, axe: str, colours: Colours
) -> None:
    buyer, places = await stocked_buyer(shopkeeper)
    found = {}
    async with visit(token=buyer.token, colours=colours) as visitor:
        for view in VIEWS:
            await settle(visitor, view.format(**places))
            found[view] = await violations(visitor.page, axe)
    async with visit(colours=colours) as stranger:
        for view in SIGNED_OUT_VIEWS:
            await settle(stranger, view)
            found[view] = await violations(stranger.page, axe)
    assert {view: wrong for view, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_the_control_room_keeps_nobody_out(
    visit: Visit, shopkeeper: Shopkeeper, axe: str, colours: Colours
) -> None:
    deal = await shopkeeper.deal(safetyStock=2)
    async with visit(token=shopkeeper.operator.token, colours=colours) as visitor:
        await visitor.go("/dashboard")
        card = visitor.page.get_by_role("article", name=deal["title"])
        await expect(card).to_be_visible()
        found = {"room": await violations(visitor.page, axe)}
        await card.get_by_role("button", name="Pause").click()
        await expect(visitor.page.get_by_role("dialog")).to_be_visible()
        found["dialog"] = await violations(visitor.page, axe)
    async with visit(colours=colours) as stranger:
        await stranger.go("/dashboard")
        await expect(stranger.page.get_by_role("textbox", name="Password")).to_be_visible()
        found["sign-in"] = await violations(stranger.page, axe)
    assert {view: wrong for view, wrong in found.items() if wrong} == {}


async def test_no_view_is_wider_than_a_phone(visit: Visit, shopkeeper: Shopkeeper) -> None:
    buyer, places = await stocked_buyer(shopkeeper)
    widths = {}
    async with visit(token=buyer.token, phone=True) as visitor:
        for view in VIEWS:
            await settle(visitor, view.format(**places))
            widths[view] = await width_of(visitor.page)
    async with visit(token=shopkeeper.operator.token, phone=True) as operator:
        await operator.go("/dashboard")
        await expect(operator.page.get_by_role("article").first).to_be_visible()
        widths["/dashboard"] = await width_of(operator.page)
    assert widths == dict.fromkeys(widths, PHONE_SIZE[0])


async def width_of(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth"))


async def test_a_keyboard_alone_fills_the_cart(visit: Visit, shopkeeper: Shopkeeper) -> None:
    deal, buyer = await shopkeeper.deal(), await shopkeeper.buyer()
    async with visit(token=buyer.token) as visitor:
        page = visitor.page
        await settle(visitor, "/#/?sort=NEWEST")
        await tab_to(page, deal["title"])
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name=deal["title"])).to_be_focused()
        await tab_to(page, "Add to cart")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("1 in your cart, held for")).to_be_visible()
        await tab_to(page, "Go to cart")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name="Your cart")).to_be_focused()
        await expect(page.get_by_role("link", name=deal["title"])).to_be_visible()


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has these words."""
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        focused = await page.evaluate("document.activeElement.textContent.trim()")
        if focused == name:
            return
    raise AssertionError(f"{name} is not reached by {MOST_TABS} presses of Tab")
