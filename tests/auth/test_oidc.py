"""Signing in through an OpenID Connect provider that listens on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from auth.accounts import Accounts
from auth.errors import InvalidCredentials, Unauthenticated
from auth.oidc import oidc_routes
from auth.sessions import Sessions
from kit.settings import Settings, load_settings
from tests.auth.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, serve_provider

SHOP = "http://shop.example"
CALLBACK = f"{SHOP}/auth/oidc/callback"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with serve_provider() as serving:
        yield serving


@pytest.fixture
def shop_settings(settings: Settings, provider: Provider) -> Settings:
    return load_settings(
        database_url=settings.database_url,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=CLIENT_SECRET,
    )


@pytest.fixture
def shop(shop_settings: Settings, accounts: Accounts, sessions: Sessions) -> Starlette:
    return Starlette(routes=oidc_routes(shop_settings, accounts, sessions))


@pytest.fixture
async def browser(shop: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with _browser(shop) as client:
        yield client


def _browser(shop: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(shop), base_url=SHOP)


async def _to_the_callback(browser: httpx.AsyncClient) -> str:
    """Start, consent at the provider, and return the address it sends the browser to."""
    started = await browser.get("/auth/oidc/start")
    assert started.status_code == 302, started.text
    async with httpx.AsyncClient(verify=False) as outside:  # noqa: S501 - plain HTTP, on loopback
        consented = await outside.get(started.headers["location"])
    location: str = consented.headers["location"]
    assert location.startswith(CALLBACK)
    return location


async def _links(pool: asyncpg.Pool, provider: Provider) -> int:
    """How much the provider's person left behind: accounts and links."""
    return int(
        await pool.fetchval(
            "SELECT (SELECT count(*) FROM social_accounts WHERE issuer = $1)"
            " + (SELECT count(*) FROM users WHERE email = $2)",
            provider.issuer,
            provider.email.lower(),
        )
    )


def _refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 400
    assert answer.headers["cache-control"] == "no-store"
    assert "flashsale_session" not in answer.cookies
    body = answer.json()
    assert set(body) == {"error", "message"}
    return str(body["error"])


async def test_a_stranger_is_signed_in_with_a_new_account(
    browser: httpx.AsyncClient,
    provider: Provider,
    sessions: Sessions,
    pool: asyncpg.Pool,
) -> None:
    answer = await browser.get(await _to_the_callback(browser))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = next(
        header
        for header in answer.headers.get_list("set-cookie")
        if header.startswith("flashsale_session=")
    )
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    viewer = await sessions.viewer(answer.cookies["flashsale_session"])
    row = await pool.fetchrow("SELECT * FROM users WHERE id = $1", viewer.user_id)
    assert row is not None
    assert (row["email"], row["name"], row["role"], row["password_hash"]) == (
        provider.email.lower(),
        "Grace Hopper",
        "BUYER",
        None,
    )


async def test_the_same_person_comes_back_to_the_same_account(
    browser: httpx.AsyncClient,
    provider: Provider,
    sessions: Sessions,
    pool: asyncpg.Pool,
) -> None:
    users = set()
    for email in (provider.email, "moved.house@people.example"):
        provider.email = email
        answer = await browser.get(await _to_the_callback(browser))
        users.add((await sessions.viewer(answer.cookies["flashsale_session"])).user_id)
    assert len(users) == 1
    assert await _links(pool, provider) == 1


async def test_who_registered_the_address_before_its_owner_is_locked_out(
    browser: httpx.AsyncClient, provider: Provider, accounts: Accounts, sessions: Sessions
) -> None:
    made = await accounts.register(provider.email, "squatter's password", "Squatter")
    squatted, _ = await sessions.open(made.id)
    answer = await browser.get(await _to_the_callback(browser))
    viewer = await sessions.viewer(answer.cookies["flashsale_session"])
    assert viewer.user_id == made.id
    with pytest.raises(Unauthenticated):
        await sessions.viewer(squatted)
    with pytest.raises(InvalidCredentials):
        await accounts.sign_in(provider.email, "squatter's password")


async def test_a_recycled_address_does_not_open_its_former_owners_account(
    browser: httpx.AsyncClient, provider: Provider, pool: asyncpg.Pool
) -> None:
    await browser.get(await _to_the_callback(browser))
    provider.subject = "the next employee"
    assert _refusal(await browser.get(await _to_the_callback(browser))) == "subject_changed"
    assert await _links(pool, provider) == 2


async def test_two_tabs_of_one_stranger_make_one_account(
    shop: Starlette, provider: Provider, pool: asyncpg.Pool
) -> None:
    async with _browser(shop) as one, _browser(shop) as two:
        callbacks = [await _to_the_callback(tab) for tab in (one, two)]
        answers = await asyncio.gather(one.get(callbacks[0]), two.get(callbacks[1]))
    assert [answer.status_code for answer in answers] == [303, 303]
    assert await _links(pool, provider) == 2


async def test_a_missing_state_is_refused(
    browser: httpx.AsyncClient, provider: Provider, pool: asyncpg.Pool
) -> None:
    callback = urlsplit(await _to_the_callback(browser))
    [code] = parse_qs(callback.query)["code"]
    assert _refusal(await browser.get(f"{CALLBACK}?code={code}")) == "invalid_state"
    assert _refusal(await browser.get(CALLBACK)) == "invalid_state"
    assert await _links(pool, provider) == 0


async def test_a_state_is_good_for_one_time(browser: httpx.AsyncClient, shop: Starlette) -> None:
    callback = await _to_the_callback(browser)
    cookie = browser.cookies["flashsale_sign_in"]
    assert (await browser.get(callback)).status_code == 303
    browser.cookies.delete("flashsale_session")
    assert _refusal(await browser.get(callback)) == "invalid_state"
    # Whoever kept the cookie of the first time is stopped by the code, which is spent.
    async with _browser(shop) as replaying:
        replaying.cookies.set("flashsale_sign_in", cookie)
        assert _refusal(await replaying.get(callback)) == "invalid_grant"


async def test_a_state_of_another_browser_is_refused(
    browser: httpx.AsyncClient,
    shop: Starlette,
    provider: Provider,
    pool: asyncpg.Pool,
) -> None:
    attackers = await _to_the_callback(browser)
    async with _browser(shop) as victim:
        assert _refusal(await victim.get(attackers)) == "invalid_state"
        await _to_the_callback(victim)
        assert _refusal(await victim.get(attackers)) == "invalid_state"
    assert await _links(pool, provider) == 0


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        ({"nonce": "of another sign-in"}, "invalid_id_token"),
        ({"nonce": None}, "invalid_id_token"),
        ({"aud": "another-client"}, "invalid_id_token"),
        ({"iss": "https://elsewhere.example"}, "invalid_id_token"),
        ({"exp": 1_700_000_000}, "invalid_id_token"),
        ({"exp": None}, "invalid_id_token"),
        ({"sub": None}, "invalid_id_token"),
        ({"email_verified": False}, "email_not_verified"),
        ({"email_verified": None}, "email_not_verified"),
        ({"email_verified": "true"}, "email_not_verified"),
        ({"email": None}, "email_not_verified"),
        ({"email": ["a@b.example"]}, "email_not_verified"),
        ({"email": "a@b@c.example"}, "invalid_email"),
    ],
)
async def test_a_spoilt_claim_links_no_account(
    browser: httpx.AsyncClient,
    provider: Provider,
    pool: asyncpg.Pool,
    spoil: dict[str, Any],
    error: str,
) -> None:
    callback = await _to_the_callback(browser)
    provider.spoil = spoil
    assert _refusal(await browser.get(callback)) == error
    assert await _links(pool, provider) == 0
    provider.spoil = {}
    assert (await browser.get(await _to_the_callback(browser))).status_code == 303


@pytest.mark.parametrize("signature", ["none", "HS256", "another key"])
async def test_a_signature_that_anybody_could_make_is_refused(
    browser: httpx.AsyncClient,
    provider: Provider,
    pool: asyncpg.Pool,
    signature: str,
) -> None:
    callback = await _to_the_callback(browser)
    provider.signature = signature
    assert _refusal(await browser.get(callback)) == "invalid_id_token"
    assert await _links(pool, provider) == 0


async def test_consent_denied_is_told(browser: httpx.AsyncClient) -> None:
    callback = urlsplit(await _to_the_callback(browser))
    [state] = parse_qs(callback.query)["state"]
    denied = await browser.get(f"{CALLBACK}?error=access_denied&state={state}")
    assert _refusal(denied) == "access_denied"


async def test_a_provider_that_is_down_is_not_the_buyers_fault(
    browser: httpx.AsyncClient, provider: Provider
) -> None:
    callback = await _to_the_callback(browser)
    provider.broken = True
    answer = await browser.get(callback)
    assert (answer.status_code, answer.json()["error"]) == (502, "provider_unreachable")


async def test_a_start_without_a_provider_answers_502(
    settings: Settings, accounts: Accounts, sessions: Sessions
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    nowhere = load_settings(
        database_url=settings.database_url, oidc_issuer=f"http://127.0.0.1:{port}"
    )
    async with _browser(Starlette(routes=oidc_routes(nowhere, accounts, sessions))) as browser:
        answer = await browser.get("/auth/oidc/start")
    assert (answer.status_code, answer.json()["error"]) == (502, "provider_unreachable")


async def test_nothing_is_offered_without_an_issuer(
    settings: Settings, accounts: Accounts, sessions: Sessions
) -> None:
    none = load_settings(database_url=settings.database_url, oidc_issuer="")
    assert oidc_routes(none, accounts, sessions) == []
