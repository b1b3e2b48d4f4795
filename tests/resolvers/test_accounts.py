"""Registering, signing in and out through the schema."""

import secrets
from typing import Any

import pytest

from auth.sessions import new_token
from graph.context import SessionCookie
from notifications.announcements import Announcer
from tests.resolvers.asking import Asker, Counter, journey
from tests.subscriptions.listening import until

PASSWORD = "a long password"


def email() -> str:
    return f"{secrets.token_hex(8)}@people.example"


def cookie_of(asker: Asker) -> SessionCookie | None:
    """What the last answer does to the browser's cookie."""
    return asker.contexts[-1].cookie


async def register(asker: Asker, **changes: Any) -> Any:
    given = {"email": email(), "password": PASSWORD, "name": "Ada"} | changes
    return await asker.run("Register", input=given)


async def test_who_registers_is_signed_in(anybody: Asker, counter: Counter) -> None:
    address = email()
    session = await register(anybody, email=address.upper())
    assert session["user"]["email"] == address
    ada = await counter.signed_in(session["token"])
    me = (await ada.ask("{ me { id email name createdAt } }"))["data"]["me"]
    assert (me["id"], me["name"]) == (session["user"]["id"], "Ada")
    assert session["expiresAt"] > me["createdAt"]


async def test_an_address_is_taken_in_any_case(anybody: Asker) -> None:
    address = email()
    await register(anybody, email=address)
    refused = await register(anybody, email=f" {address.upper()} ")
    assert refused["code"] == "EMAIL_TAKEN"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "a" * 300 + "@people.example"),
        ("email", "a\r\nBcc: b@people.example"),
        ("email", "a@b@people.example"),
        ("email", "a\0@people.example"),
        ("email", ""),
        ("password", "abc"),
        ("password", "p" * 129),
        ("name", ""),
        ("name", "n" * 101),
        ("name", "a\0b"),
    ],
)
async def test_what_nobody_could_register_with_is_refused(
    anybody: Asker, counter: Counter, field: str, value: str
) -> None:
    before = await counter.resources.pool.fetchval("SELECT count(*) FROM users")
    refused = await anybody.ask(
        """mutation($input: RegisterInput!) {
          register(input: $input) { ... on InvalidInput { code field message retryable } }
        }""",
        input={"email": email(), "password": PASSWORD, "name": "Ada"} | {field: value},
    )
    assert refused["errors"] == []
    told = refused["data"]["register"]
    assert (told["code"], told["field"]) == ("INVALID_INPUT", field)
    assert await counter.resources.pool.fetchval("SELECT count(*) FROM users") == before


async def test_signing_in_tells_not_which_of_the_two_is_wrong(anybody: Asker) -> None:
    address = email()
    await register(anybody, email=address)
    good = await anybody.run("Login", input={"email": address.upper(), "password": PASSWORD})
    assert good["token"].startswith("fss_")
    wrong = await anybody.run("Login", input={"email": address, "password": "something else"})
    nobody = await anybody.run("Login", input={"email": email(), "password": PASSWORD})
    odd = await anybody.run("Login", input={"email": "\0", "password": ""})
    assert wrong == nobody == odd
    assert wrong["code"] == "INVALID_CREDENTIALS"


async def test_the_eleventh_sign_in_of_a_minute_is_limited_in_any_spelling(
    anybody: Asker,
) -> None:
    address = email()
    for _ in range(10):
        given = {"email": address, "password": "wrong password"}
        assert (await anybody.run("Login", input=given))["code"] == "INVALID_CREDENTIALS"
    given = {"email": f" {address.upper()} ", "password": PASSWORD}
    assert await anybody.code(journey()["Login"], input=given) == "RATE_LIMITED"


async def test_signing_out_ends_the_session_everywhere(alice: Asker, counter: Counter) -> None:
    viewer = await counter.resources.sessions.viewer(alice.token or "")
    assert await alice.run("Logout") is True
    ended = counter.listening.ended
    assert ended[-1] == viewer.token_hash  # here, before anything is answered
    await until(lambda: ended.count(viewer.token_hash) == 2)  # and wherever it is heard
    assert await alice.code(journey()["Cart"]) == "UNAUTHENTICATED"
    assert (await alice.ask("{ me { id } }"))["data"]["me"] is None
    assert await alice.run("Logout") is False


async def test_signing_out_tells_others_before_it_ends_what_is_open_here(
    alice: Asker, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    def session(_announcer: Announcer, _token_hash: bytes) -> None:
        told.append(len(counter.listening.ended))
        raise RuntimeError("nobody hears")

    before = len(counter.listening.ended)
    monkeypatch.setattr(Announcer, "session", session)
    await alice.ask(journey()["Logout"])
    assert told == [before]
    assert len(counter.listening.ended) == before + 1  # also when others cannot be told


@pytest.mark.parametrize(
    "token", ["", "fss_", "fss_\0", "x" * 5_000, "Bearer", new_token(), "\N{FIRE}"]
)
async def test_a_token_of_nobody_signs_nobody_in(anybody: Asker, token: str) -> None:
    anybody.token = token
    assert await anybody.code(journey()["Orders"]) == "UNAUTHENTICATED"
    assert (await anybody.ask("{ me { id } }"))["data"] == {"me": None}


async def test_an_expired_session_signs_nobody_in(alice: Asker, counter: Counter) -> None:
    viewer = await counter.resources.sessions.viewer(alice.token or "")
    await counter.resources.pool.execute(
        "UPDATE sessions SET expires_at = now() - interval '1 s' WHERE token_hash = $1",
        viewer.token_hash,
    )
    counter.resources.sessions.drop(viewer.token_hash)
    assert await alice.code(journey()["Cart"]) == "UNAUTHENTICATED"


async def test_a_page_gets_a_cookie_and_a_program_does_not(anybody: Asker) -> None:
    address = email()
    await register(anybody, email=address)
    assert cookie_of(anybody) is None
    anybody.origin = "https://shop.example"
    session = await anybody.run("Login", input={"email": address, "password": PASSWORD})
    cookie = cookie_of(anybody)
    assert cookie is not None
    assert cookie.token == session["token"]
    anybody.token = session["token"]
    await anybody.run("Logout")
    cookie = cookie_of(anybody)
    assert cookie is not None
    assert cookie.token is None
