"""A buyer at the storefront, from the shelf to a paid order."""

import asyncio
import secrets

from playwright.async_api import Locator, Route, expect

from tests.browser.conftest import Visit
from tests.browser.shopkeeping import Shopkeeper
from tests.browser.visitor import Visitor


async def check_out(visitor: Visitor) -> None:
    """From the deal's page to an order that waits for its payment."""
    page = visitor.page
    await visitor.button("Add to cart").click()
    await page.get_by_role("link", name="Go to cart").click()
    await page.get_by_role("link", name="Check out").click()
    await visitor.button("Place order, $49.90").click()
    await expect(status_of(visitor)).to_contain_text("Waiting for payment")


async def pay(visitor: Visitor, card: str) -> None:
    await visitor.page.get_by_role("radio", name=card).check()
    await visitor.button("Pay $49.90").click()


def status_of(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("region", name="Status")


async def let_go_together(*visitors: Visitor) -> None:
    """Hold additions back until each has pressed: no page hears of another's before its own."""
    line = asyncio.Barrier(len(visitors))

    async def hold(route: Route) -> None:
        if "addToCart" in (route.request.post_data or ""):
            await line.wait()
        await route.continue_()

    for visitor in visitors:
        await visitor.page.route("**/graphql", hold)


async def test_somebody_new_signs_up_and_buys(visit: Visit, shopkeeper: Shopkeeper) -> None:
    deal = await shopkeeper.deal()
    async with visit() as visitor:
        page = visitor.page
        await visitor.go("/#/?sort=NEWEST")
        card = page.get_by_role("article", name=deal["title"])
        await expect(card.get_by_role("meter")).to_have_attribute("aria-valuetext", "5 of 5 left")
        await card.get_by_role("link", name=deal["title"]).click()
        await expect(page.get_by_role("heading", name=deal["title"])).to_be_visible()

        await visitor.go("/#/signup")
        await page.get_by_role("textbox", name="Name").fill("Ada")
        await page.get_by_role("textbox", name="E-mail").fill(f"{secrets.token_hex(6)}@example.com")
        await page.get_by_role("textbox", name="Password").fill("a long password")
        await page.get_by_role("main").get_by_role("button", name="Sign up").click()
        await expect(visitor.button("Sign out")).to_be_visible()

        await visitor.go_to_deal(deal["id"])
        await check_out(visitor)
        await pay(visitor, "Card that succeeds")
        await expect(status_of(visitor)).to_contain_text("Paid")
        await visitor.go("/#/orders")
        await expect(page.get_by_role("main")).to_contain_text("Paid")
    stock = (await shopkeeper.operator.run("Deal", id=deal["id"]))["stock"]
    assert (stock["available"], stock["held"], stock["sold"]) == (4, 0, 1)


async def test_a_declined_card_is_told_and_another_pays(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal, buyer = await shopkeeper.deal(), await shopkeeper.buyer()
    async with visit(token=buyer.token, forgiven=("Failed to load resource",)) as visitor:
        await visitor.go_to_deal(deal["id"])
        await check_out(visitor)
        await pay(visitor, "Card that is declined")
        told = visitor.page.get_by_text("Your card was declined. Nothing was taken.")
        await expect(told).to_be_visible()
        await expect(status_of(visitor)).to_contain_text("Waiting for payment")
        await pay(visitor, "Card that succeeds")
        await expect(status_of(visitor)).to_contain_text("Paid")


async def test_units_are_still_yours_when_you_come_back_from_3d_secure(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal, buyer = await shopkeeper.deal(allotment=1), await shopkeeper.buyer()
    async with visit(token=buyer.token) as visitor, visit() as onlooker:
        await visitor.go_to_deal(deal["id"])
        await check_out(visitor)
        await pay(visitor, "Card that asks for 3-D Secure")
        await expect(
            visitor.page.get_by_role("heading", name="Is it you who pays?")
        ).to_be_visible()
        await onlooker.go_to_deal(deal["id"])
        await expect(onlooker.button("Sold out")).to_be_visible()
        await visitor.button("Yes, it is me").click()
        await expect(visitor.page.get_by_text("Your bank has confirmed")).to_be_visible()
        await expect(status_of(visitor)).to_contain_text("Paid")
    stock = (await shopkeeper.operator.run("Deal", id=deal["id"]))["stock"]
    assert (stock["available"], stock["held"], stock["sold"]) == (0, 0, 1)


async def test_two_browsers_race_for_the_last_unit_and_one_has_it(
    visit: Visit, shopkeeper: Shopkeeper
) -> None:
    deal = await shopkeeper.deal(allotment=1)
    one, two = await shopkeeper.buyer(), await shopkeeper.buyer()
    async with visit(token=one.token) as first, visit(token=two.token) as second:
        racers = (first, second)
        for racer in racers:
            await racer.go_to_deal(deal["id"])
            await expect(racer.button("Add to cart")).to_be_visible()
        await let_go_together(*racers)
        for racer in racers:
            await racer.button("Add to cart").click()
        won = [racer.page.get_by_text("1 in your cart, held for") for racer in racers]
        await expect(won[0].or_(first.page.get_by_role("alert"))).to_be_visible()
        await expect(won[1].or_(second.page.get_by_role("alert"))).to_be_visible()
        winners = [await words.is_visible() for words in won]
        assert sorted(winners) == [False, True]
        loser = racers[winners.index(False)]
        await expect(loser.page.get_by_role("alert")).to_contain_text("Sold out")
        await expect(loser.button("Sold out")).to_be_visible()
    stock = (await shopkeeper.operator.run("Deal", id=deal["id"]))["stock"]
    assert (stock["available"], stock["held"], stock["sold"]) == (0, 1, 0)
