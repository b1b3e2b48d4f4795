"""Somebody at a page in a real browser, and all that went wrong on it meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request

from auth.cookie import SESSION_COOKIE

Colours = Literal["light", "dark"]
DESKTOP_SIZE = (1280, 860)
PHONE_SIZE = (390, 844)
LIMIT_MS = 20_000  # for whatever a page should show by itself
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Whatever a page might ask for from elsewhere is not found; the request is still noted.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass
class Visitor:
    """One browser profile with one page."""

    page: Page
    address: str
    own_origins: frozenset[str]
    forgiven: tuple[str, ...] = ()
    """Beginnings of console errors that belong to the test: the browser's own, of a lost server."""
    troubles: list[str] = field(default_factory=list)

    async def go(self, path: str) -> None:
        """Load a page of ours anew."""
        await self.page.goto("about:blank")
        await self.page.goto(self.address + path)

    async def go_to_deal(self, deal_id: str) -> None:
        await self.go(f"/#/deal/{deal_id}")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def stock(self) -> Locator:
        """The stock bar of the deal that the page shows."""
        return self.page.get_by_role("meter")

    def listen(self) -> None:
        """Note what a page of ours must never do."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", self._requested)
        self.page.on("websocket", lambda socket: self._reached(socket.url))

    def _console(self, message: ConsoleMessage) -> None:
        # A violation of the Content-Security-Policy is one of these errors, too.
        if message.type == "error" and not message.text.startswith(self.forgiven or ("\0",)):
            self.troubles.append(f"console: {message.text} ({message.location.get('url')})")

    def _requested(self, request: Request) -> None:
        self._reached(request.url)

    def _reached(self, url: str) -> None:
        parts = urlsplit(url)
        inside = parts.scheme in {"data", "blob", "about"}
        if not inside and parts.netloc not in self.own_origins:
            self.troubles.append(f"request to elsewhere: {url}")


@asynccontextmanager
async def visiting(
    browser: Browser,
    address: str,
    *others: str,
    token: str | None = None,
    colours: Colours = "light",
    phone: bool = False,
    forgiven: tuple[str, ...] = (),
) -> AsyncIterator[Visitor]:
    """A new visitor, signed in by a token; `others` are the addresses the pages may speak to."""
    width, height = PHONE_SIZE if phone else DESKTOP_SIZE
    context = await browser.new_context(
        color_scheme=colours,
        viewport={"width": width, "height": height},
        is_mobile=phone,
        has_touch=phone,
        locale="en-US",
        timezone_id="UTC",
    )
    try:
        context.set_default_timeout(LIMIT_MS)
        if token is not None:
            await context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": address}])
        own = frozenset(urlsplit(each).netloc for each in (address, *others))
        visitor = Visitor(await context.new_page(), address, own, forgiven)
        visitor.listen()
        yield visitor
    finally:
        await context.close()
