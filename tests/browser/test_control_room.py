"""An operator in the control room: sees the sale move, and runs it."""

import re

from playwright.async_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.shopkeeping import Shopkeeper
from tests.browser.visitor import Visitor
from tests.journey.conftest import Sale
from tests.journey.test_journey import OPERATOR, pay, place


async def card_of(visitor: Visitor, title: str) -> Locator:
    card = visitor.page.get_by_role("article", name=title)
    await expect(card).to_be_visible()
    return card


async def confirm(visitor: Visitor, verb: str) -> None:
    await visitor.page.get_by_role("dialog").get_by_role("button", name=verb, exact=True).click()
    await expect(visitor.page.get_by_role("dialog")).to_be_hidden()


def counting(held: int, available: int) -> re.Pattern[str]:
    """What a chart says to those who cannot see it."""
    return re.compile(f" {held} held, {available} available")


async def height_of_held(chart: Locator) -> float:
    """Where the line of what is held has arrived by now."""
    outline = await chart.locator(".held-edge").get_attribute("d")
    assert outline is not None
    return float(outline.split()[-1])


async def test_an_operator_signs_in_and_a_buyer_is_turned_away(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal, buyer = await shopkeeper.deal(), await shopkeeper.buyer()
    async with visit() as visitor:
        await visitor.go("/dashboard")
        await visitor.page.get_by_role("textbox", name="E-mail").fill(OPERATOR["email"])
        await visitor.page.get_by_role("textbox", name="Password").fill(OPERATOR["password"])
        await visitor.page.get_by_role("main").get_by_role("button", name="Sign in").click()
        await card_of(visitor, deal["title"])
    async with visit(token=buyer.token) as visitor:
        await visitor.go("/dashboard")
        await expect(visitor.page.get_by_role("main")).to_contain_text("operator")
        await expect(visitor.page.get_by_role("article")).to_have_count(0)


async def test_the_chart_moves_as_units_are_held(visit: Visit, shopkeeper: Shopkeeper) -> None:
    deal, buyer = await shopkeeper.deal(), await shopkeeper.buyer()
    async with visit(token=shopkeeper.operator.token) as visitor:
        await visitor.go("/dashboard")
        card = await card_of(visitor, deal["title"])
        await visitor.page.get_by_label("Find a deal").fill(deal["title"])
        chart = card.locator("svg.chart")
        await chart.scroll_into_view_if_needed()  # one that nobody sees is not drawn
        await expect(chart).to_have_attribute("aria-label", counting(0, 5))
        level = await height_of_held(chart)
        await buyer.run("AddToCart", input={"dealId": deal["id"], "quantity": 2})
        await expect(chart).to_have_attribute("aria-label", counting(2, 3))
        assert await height_of_held(chart) < level  # heights are counted from the top
        refused = await buyer.run("AddToCart", input={"dealId": deal["id"], "quantity": 2})
        assert refused["code"] == "PURCHASE_LIMIT_REACHED"
        await expect(card).to_contain_text("Refused: ")


async def test_a_pause_is_seen_at_the_storefront_and_so_is_its_end(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal = await shopkeeper.deal()
    async with visit(token=shopkeeper.operator.token) as visitor, visit() as onlooker:
        await onlooker.go_to_deal(deal["id"])
        await expect(onlooker.button("Add to cart")).to_be_enabled()
        await visitor.go("/dashboard")
        card = await card_of(visitor, deal["title"])
        await card.get_by_role("button", name="Pause").click()
        await confirm(visitor, "Pause")
        await expect(onlooker.button("Paused")).to_be_disabled()
        await card.get_by_role("button", name="Resume").click()
        await confirm(visitor, "Resume")
        await expect(onlooker.button("Add to cart")).to_be_enabled()
        await card.get_by_role("button", name="End", exact=True).click()
        await confirm(visitor, "End it now")
        await expect(onlooker.button("Ended")).to_be_disabled()


async def test_what_is_asked_and_not_confirmed_does_not_happen(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal = await shopkeeper.deal()
    async with visit(token=shopkeeper.operator.token) as visitor:
        await visitor.go("/dashboard")
        card = await card_of(visitor, deal["title"])
        await card.get_by_role("button", name="Pause").click()
        await expect(visitor.page.get_by_role("dialog")).to_be_visible()
        await visitor.page.keyboard.press("Escape")
        await expect(visitor.page.get_by_role("dialog")).to_be_hidden()
    assert (await shopkeeper.operator.run("Deal", id=deal["id"]))["phase"] == "LIVE"


async def test_stock_is_added_and_safety_stock_released(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal = await shopkeeper.deal(safetyStock=3)
    async with visit(token=shopkeeper.operator.token) as visitor, visit() as onlooker:
        await onlooker.go_to_deal(deal["id"])
        await expect(onlooker.stock()).to_have_attribute("aria-valuetext", "5 of 5 left")
        await visitor.go("/dashboard")
        card = await card_of(visitor, deal["title"])
        await card.get_by_role("button", name="Change stock").click()
        dialog = visitor.page.get_by_role("dialog")
        await dialog.get_by_role("spinbutton", name="Units").fill("4")
        await dialog.get_by_label("Reason").fill("a box turned up")
        await confirm(visitor, "Change stock")
        await expect(onlooker.stock()).to_have_attribute("aria-valuetext", "9 of 9 left")
        await card.get_by_role("button", name="Release safety stock").click()
        await confirm(visitor, "Release")
        await expect(onlooker.stock()).to_have_attribute("aria-valuetext", "12 of 12 left")


async def test_an_order_is_refunded(visit: Visit, shopkeeper: Shopkeeper, sale: Sale) -> None:
    deal, buyer = await shopkeeper.deal(), await shopkeeper.buyer()
    await buyer.run("AddToCart", input={"dealId": deal["id"]})
    order = (await place(buyer, await buyer.run("Checkout"), "once"))["order"]
    async with buyer.subscribe("OrderChanged", orderId=order["id"]) as changes:
        assert await pay(sale, order["payment"]) == "succeeded"
        await changes.until(status="PAID")
        async with visit(token=shopkeeper.operator.token) as visitor:
            await visitor.go("/dashboard")
            await visitor.button(f"Refund order {order['number']}").click()
            await visitor.page.get_by_role("dialog").get_by_label("Reason").fill("it was broken")
            await confirm(visitor, "Refund $49.90")
            await expect(
                visitor.page.get_by_text(f"Order {order['number']}, 1 unit:")
            ).to_be_visible()
        await changes.until(status="REFUNDED")
