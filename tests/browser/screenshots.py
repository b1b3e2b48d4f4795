"""The README's pictures, taken from a demo sale: python -m tests.browser.screenshots FOLDER."""

import asyncio
import random
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.shopkeeping import open_shop
from tests.browser.visitor import FLAGS, Colours, Visitor, visiting
from tests.journey.client import Api
from tests.journey.conftest import Sale, running_sale
from tests.journey.test_journey import DEMO_BUYER, in_, pay, place, signed_in

LARGEST_BYTES = 250_000
COLOURS: tuple[Colours, ...] = ("light", "dark")
CROWD = 150
PAYING = 0.7
LONG_SECONDS = 600  # of a deal that is still there when all the pictures are taken
RUSH_SECONDS = 50.0
SEED = 7  # the same crowd every time


@dataclass(frozen=True, slots=True)
class View:
    """What is to be seen on a picture, and by whom."""

    name: str
    path: str
    ready: Callable[[Visitor], Awaitable[None]]
    token: str | None = None
    phone: bool = False


@dataclass
class Camera:
    """Takes pictures of one sale, each in light and in dark."""

    browser: Browser
    sale: Sale
    folder: Path

    async def take(self, view: View, *, after: Awaitable[None] | None = None) -> None:
        """What a view shows without scrolling; `after` happens while the pages are open."""
        async with AsyncExitStack() as stack:
            visitors = {}
            for colours in COLOURS:
                visitor = await stack.enter_async_context(
                    visiting(
                        self.browser,
                        self.sale.api,
                        token=view.token,
                        phone=view.phone,
                        colours=colours,
                    )
                )
                await visitor.go(view.path)
                visitors[colours] = visitor
            if after is not None:
                await after
            for colours, visitor in visitors.items():
                await view.ready(visitor)
                await self._keep(visitor, f"{view.name}-{colours}.png")

    async def _keep(self, visitor: Visitor, name: str) -> None:
        taken = await visitor.page.screenshot(animations="disabled")
        assert len(taken) < LARGEST_BYTES, f"{name} has {len(taken)} bytes"
        (self.folder / name).write_bytes(taken)


async def deals_are_shown(visitor: Visitor) -> None:
    page = visitor.page
    await expect(page.get_by_role("meter").first).to_be_visible()
    await page.wait_for_function(
        "[...document.images].filter((image) => image.getBoundingClientRect().top < innerHeight)"
        ".every((image) => image.complete && image.naturalWidth > 0)"
    )


async def checkout_is_shown(visitor: Visitor) -> None:
    await expect(visitor.page.get_by_role("button", name="Place order")).to_be_visible()
    await visitor.page.evaluate("document.activeElement.blur()")


async def room_is_shown(visitor: Visitor) -> None:
    await expect(visitor.page.get_by_role("article").first).to_be_visible()
    await visitor.page.get_by_label("Charts show").select_option(label="1 minute")
    await visitor.page.set_viewport_size({"width": 1280, "height": 1060})
    await visitor.page.evaluate("document.activeElement.blur()")


@dataclass
class Crowd:
    """More buyers than there are units at some deals, so that the charts have something to show."""

    sale: Sale
    api: Api
    tokens: list[str]
    deal_ids: list[str]

    async def rush(self) -> None:
        """Each comes once, most of them in the second half of the time."""
        chance = random.Random(SEED)  # noqa: S311 - a crowd, not a secret
        await asyncio.gather(
            *(
                self._shop(
                    self.api.as_(token),
                    chance.choice(self.deal_ids),
                    after=RUSH_SECONDS * chance.betavariate(3, 2),
                    pays=chance.random() < PAYING,
                )
                for token in self.tokens
            )
        )

    async def _shop(self, buyer: Api, deal_id: str, *, after: float, pays: bool) -> None:
        await asyncio.sleep(after)
        added = await buyer.run("AddToCart", input={"dealId": deal_id})
        if added["__typename"] != "CartUpdated" or not pays:
            return
        checkout = await buyer.run("Checkout")
        if checkout["__typename"] == "Checkout":
            placed = await place(buyer, checkout, "once")
            if placed["__typename"] == "OrderPlaced":
                await pay(self.sale, placed["order"]["payment"])


async def last_call(api: Api, operator: Api, number: int) -> str:
    """A deal with few units of a product of the demo, which ends before all others."""
    shelf = (await api.run("Deals", sort="BIGGEST_DISCOUNT", first=9))["nodes"]
    product = (await api.run("Deal", id=shelf[-1 - number]["id"]))["product"]
    created = await operator.run(
        "CreateDeal",
        input={
            "productId": product["id"],
            "title": f"{product['name']}, last call",
            "price": shelf[-1 - number]["price"],
            "listPrice": shelf[-1 - number]["listPrice"],
            "startsAt": in_(minutes=-1),
            "endsAt": in_(seconds=RUSH_SECONDS + 80),
            "allotment": 55 + 30 * number,
            "safetyStock": 10 * number,
            "purchaseLimit": 1,
        },
    )
    return str(created["deal"]["id"])


async def photograph(sale: Sale, folder: Path) -> None:
    """All the pictures: the shop and its checkout, the control room in a rush, a phone."""
    async with async_playwright() as playwright, httpx.AsyncClient(timeout=30) as client:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=(*FLAGS, "--hide-scrollbars")
        )
        api, camera = Api(client, sale.api), Camera(browser, sale, folder)
        operator = (await open_shop(api)).operator
        buyer = await signed_in(api, DEMO_BUYER)
        deals = (await api.run("Deals", sort="BIGGEST_DISCOUNT", first=20))["nodes"]
        free = [
            deal["id"]
            for deal in deals
            if deal["stock"]["level"] == "AVAILABLE" and deal["secondsRemaining"] > LONG_SECONDS
        ]
        for deal_id in free[:3]:
            await buyer.run("AddToCart", input={"dealId": deal_id})
        await camera.take(View("storefront", "/", deals_are_shown, buyer.token))
        await camera.take(View("checkout", "/#/checkout", checkout_is_shown, buyer.token))
        phone = View("phone", f"/#/deal/{free[0]}", deals_are_shown, buyer.token, phone=True)
        await camera.take(phone)
        tokens = folder / "tokens.txt"
        seeded = sale.command("seed", "--buyers", str(CROWD), "--tokens", str(tokens.resolve()))
        assert seeded.returncode == 0, seeded.stderr
        deal_ids = [await last_call(api, operator, number) for number in (0, 1)]
        crowd = Crowd(sale, api, tokens.read_text(encoding="utf-8").split(), deal_ids)
        tokens.unlink()
        room = View("control-room", "/dashboard", room_is_shown, operator.token)
        await camera.take(room, after=crowd.rush())
        await browser.close()


def main() -> None:
    """Start a sale, photograph it, stop it."""
    (folder,) = (Path(word) for word in sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with running_sale() as sale:
        asyncio.run(photograph(sale, folder))


if __name__ == "__main__":
    main()
