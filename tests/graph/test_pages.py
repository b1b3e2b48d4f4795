"""The pages: served whole, kept no longer than they are true, and loading nothing from outside."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from posixpath import dirname, join, normpath

import httpx
import pytest
from starlette.applications import Starlette

from graph.pages import WEB, page_routes
from kit.settings import Settings, load_settings

SANDBOX = "http://127.0.0.1:8001"
TEXTS = sorted(
    path
    for path in WEB.rglob("*")
    if path.suffix in {".html", ".js", ".css", ".svg", ".json"}
    and path.relative_to(WEB).parts[0] != "explorer"  # GraphiQL comes from where it is published
)
# What a file names to have it loaded: by a page, a module, a style sheet, or our own code.
_LOADED = re.compile(
    r"""(?:\b(?:src|href)=|\bfrom\s+|\bimport\s*\(?\s*|\burl\()["']?((?:/static/|\.{1,2}/)[^"')\s]+)"""
)
_OUTSIDE = re.compile(r"""(?:https?:|wss?:|["'(=]\s*)//[^\s"')]+""")
# A name of the SVG language, not an address that anybody loads.
_NAMESPACE = "http://www.w3.org/2000/svg"


def client_of(settings: Settings) -> httpx.AsyncClient:
    app = Starlette(routes=page_routes(settings))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop.example")


@pytest.fixture
async def pages() -> AsyncIterator[httpx.AsyncClient]:
    settings = load_settings(stripe_api_base=SANDBOX, stripe_publishable_key="pk_test_1")
    async with client_of(settings) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html"),
        ("/static/lib/base.css", "text/css"),
        ("/static/lib/api.js", "text/javascript"),
        ("/static/pictures/icon.svg", "image/svg+xml"),
        ("/config.json", "application/json"),
    ],
)
async def test_each_file_says_what_it_is(
    pages: httpx.AsyncClient, path: str, media_type: str
) -> None:
    for response in (await pages.get(path), await pages.head(path)):
        assert response.status_code == 200
        assert response.headers["content-type"].partition(";")[0] == media_type
    assert (await pages.post(path)).status_code == 405


async def test_a_page_may_load_from_here_and_speak_to_here_and_the_sandbox(
    pages: httpx.AsyncClient,
) -> None:
    policy = (await pages.get("/")).headers["content-security-policy"]
    assert policy.split("; ") == [
        "default-src 'self'",
        f"connect-src 'self' {SANDBOX}",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]


async def test_with_stripe_itself_a_page_speaks_to_here_alone() -> None:
    async with client_of(load_settings(stripe_api_base="")) as pages:
        policy = (await pages.get("/")).headers["content-security-policy"]
        assert "connect-src 'self';" in policy
        assert (await pages.get("/config.json")).json()["paymentBase"] is None


async def test_a_browser_is_told_the_sandboxs_own_address_for_browsers() -> None:
    settings = load_settings(stripe_api_base="http://sandbox:8001", stripe_pages_base=f"{SANDBOX}/")
    async with client_of(settings) as pages:
        assert (await pages.get("/config.json")).json()["paymentBase"] == SANDBOX
        assert SANDBOX in (await pages.get("/")).headers["content-security-policy"]


async def test_a_page_is_told_no_secret(pages: httpx.AsyncClient) -> None:
    assert (await pages.get("/config.json")).json() == {
        "paymentBase": SANDBOX,
        "publishableKey": "pk_test_1",
        "currency": "USD",
        "socialSignIn": False,
    }


async def test_code_is_asked_for_again_and_comes_only_when_it_changed(
    pages: httpx.AsyncClient,
) -> None:
    first = await pages.get("/static/lib/api.js")
    assert first.headers["cache-control"] == "no-cache"
    again = await pages.get("/static/lib/api.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in again.headers["content-security-policy"]


async def test_pictures_may_be_kept_for_a_while(pages: httpx.AsyncClient) -> None:
    response = await pages.get("/static/pictures/icon.svg")
    assert response.headers["cache-control"] == "max-age=3600"


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/none.js", "/static/../pyproject.toml", "/static/%2e%2e/pyproject.toml"],
)
async def test_what_is_not_a_file_of_the_pages_is_not_there(
    pages: httpx.AsyncClient, path: str
) -> None:
    assert (await pages.get(path)).status_code == 404


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(WEB)))
def test_a_file_names_no_address_outside_and_loads_only_what_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert _OUTSIDE.findall(text.replace(_NAMESPACE, "")) == []
    here = dirname(f"/static/{path.relative_to(WEB)}")
    for named in _LOADED.findall(text):
        address = normpath(join(here, named)) if named.startswith(".") else named
        assert (WEB / address.removeprefix("/static/")).is_file(), named


@pytest.mark.parametrize(
    "path",
    [path for path in TEXTS if path.suffix == ".html"],
    ids=lambda path: str(path.relative_to(WEB)),
)
def test_a_page_has_no_script_or_style_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son\w+=", text) == []


@pytest.mark.parametrize(("page", "most_bytes"), [("storefront", 40_960), ("dashboard", 61_440)])
async def test_a_pages_code_is_small_on_its_way(
    pages: httpx.AsyncClient, page: str, most_bytes: int
) -> None:
    on_its_way = 0
    for path in [*(WEB / "lib").glob("*.js"), *(WEB / page).glob("*.js")]:
        address = f"/static/{path.relative_to(WEB)}"
        async with pages.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as response:
            on_its_way += len(b"".join([chunk async for chunk in response.aiter_raw()]))
    assert on_its_way < most_bytes
