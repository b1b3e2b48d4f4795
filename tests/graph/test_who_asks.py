"""Who asks: tokens, cookies and origins."""

import json

import pytest

from auth.cookie import SESSION_COOKIE
from auth.sessions import new_token
from tests.graph.edge import SHOP, Edge, edge_settings, serve_edge

CART = "{ cart }"


async def test_a_token_signs_in(edge: Edge) -> None:
    token = edge.sessions.open()
    response = await edge.post(CART, headers={"Authorization": f"Bearer {token}"})
    assert response.json() == {"data": {"cart": edge.sessions.viewers[token].user_id}}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {new_token()}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic dTpw"},
        {"Authorization": "Bearer " + "x" * 5_000},
        {"Cookie": f"{SESSION_COOKIE}={new_token()}"},
    ],
    ids=["none", "random", "empty", "basic", "long", "cookie"],
)
async def test_what_opens_no_session_is_unauthenticated(
    edge: Edge, headers: dict[str, str]
) -> None:
    response = await edge.post(CART, headers=headers)
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert (await edge.post("{ me }", headers=headers)).json() == {"data": {"me": None}}


async def test_a_token_in_the_address_signs_nobody_in(edge: Edge) -> None:
    token = edge.sessions.open()
    for name in ("token", "access_token", "authorization", SESSION_COOKIE):
        response = await edge.http.get("/graphql", params={"query": CART, name: token})
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_revoked_session_signs_nobody_in(edge: Edge) -> None:
    token = edge.sessions.open()
    edge.sessions.end(token)
    response = await edge.post(CART, headers={"Authorization": f"Bearer {token}"})
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_public_fields_look_no_session_up(edge: Edge) -> None:
    before = edge.sessions.lookups
    await edge.post("{ hello }", headers={"Authorization": f"Bearer {edge.sessions.open()}"})
    assert edge.sessions.lookups == before


async def test_only_operators_are_let_into_the_desk(edge: Edge) -> None:
    buyer, operator = edge.sessions.open(), edge.sessions.open("OPERATOR")
    refused = await edge.post("{ desk }", headers={"Authorization": f"Bearer {buyer}"})
    assert refused.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    nobody = await edge.post("{ desk }")
    assert nobody.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    let_in = await edge.post("{ desk }", headers={"Authorization": f"Bearer {operator}"})
    assert let_in.json() == {"data": {"desk": edge.sessions.viewers[operator].user_id}}


async def test_a_cookie_signs_a_browser_in(edge: Edge) -> None:
    token = edge.sessions.open()
    headers = {"Cookie": f"{SESSION_COOKIE}={token}", "Origin": SHOP}
    assert (await edge.post("{ me }", headers=headers)).json()["data"]["me"] is not None


async def test_a_browser_gets_a_cookie_at_login_and_a_program_does_not(edge: Edge) -> None:
    login = 'mutation { login(name: "ada") }'
    assert "set-cookie" not in (await edge.post(login)).headers
    cookie = (await edge.post(login, headers={"Origin": SHOP})).headers["set-cookie"]
    assert cookie.startswith(f"{SESSION_COOKIE}=fss_token;")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


async def test_the_cookie_is_secure_where_the_shop_is() -> None:
    async with serve_edge(edge_settings(public_url="https://shop.example/sale")) as edge:
        response = await edge.post(
            'mutation { login(name: "ada") }', headers={"Origin": "https://shop.example"}
        )
        assert "Secure" in response.headers["set-cookie"]


async def test_logging_out_clears_the_browsers_cookie(edge: Edge) -> None:
    token = edge.sessions.open()
    headers = {"Cookie": f"{SESSION_COOKIE}={token}", "Origin": SHOP}
    response = await edge.post("mutation { logout }", headers=headers)
    assert response.json() == {"data": {"logout": True}}
    assert response.headers["set-cookie"].startswith(f'{SESSION_COOKIE}="";')
    assert "Max-Age=0" in response.headers["set-cookie"]


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "https://shop.example.evil.example", "http://shop.example"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_foreign_page_is_403(edge: Edge, origin: str, method: str) -> None:
    edge.calls.clear()
    token = edge.sessions.open()
    response = await edge.http.request(
        method,
        "/graphql",
        params={"query": "{ quantity(of: 1) }"} if method == "GET" else None,
        json={"query": 'mutation { placeOrder(key: "a") }'} if method == "POST" else None,
        headers={"Origin": origin, "Cookie": f"{SESSION_COOKIE}={token}"},
    )
    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert edge.calls == []


async def test_our_own_pages_may_call(edge: Edge) -> None:
    origin = f"http://127.0.0.1:{edge.port}"
    assert (await edge.post("{ hello }", headers={"Origin": origin})).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_form_of_another_page_with_the_cookie_is_403(edge: Edge, content_type: str) -> None:
    edge.calls.clear()
    token = edge.sessions.open()
    headers = {"Cookie": f"{SESSION_COOKIE}={token}"}
    if content_type:
        headers["Content-Type"] = content_type
    body = json.dumps({"query": 'mutation { placeOrder(key: "a") }'})
    response = await edge.http.post("/graphql", content=body, headers=headers)
    assert response.status_code == 403
    assert edge.calls == []


async def test_an_allowed_page_may_send_its_cookie_and_read_the_answer(edge: Edge) -> None:
    asked = {
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,authorization",
    }
    preflight = await edge.http.options("/graphql", headers=asked)
    assert preflight.status_code == 200
    answer = await edge.post("{ hello }", headers={"Origin": SHOP})
    for response in (preflight, answer):
        assert response.headers["access-control-allow-origin"] == SHOP
        assert response.headers["access-control-allow-credentials"] == "true"
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert "Retry-After" in answer.headers["access-control-expose-headers"]


async def test_a_foreign_page_may_not_even_ask(edge: Edge) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = await edge.http.options("/graphql", headers=asked)
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers


async def test_a_store_that_is_away_is_told_without_its_address(edge: Edge) -> None:
    token = edge.sessions.open()
    edge.sessions.out_of_reach = True
    try:
        response = await edge.post(CART, headers={"Authorization": f"Bearer {token}"})
    finally:
        edge.sessions.out_of_reach = False
    assert "hunter2" not in response.text
    assert response.json()["errors"][0]["extensions"]["code"] == "OVERLOADED"
