"""Who asks, as the API hears it from the real nginx: never from the client itself."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.journey.client import Api
from tests.proxy.conftest import SIGN_INS
from tests.proxy.proxy_process import running_nginx
from tests.proxy.recording import Recording, json_answer, recording

INVENTED = {
    "x-forwarded-for": "203.0.113.6",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "evil.example",
    "forwarded": "for=203.0.113.6;proto=https;host=evil.example",
    "x-request-id": "not fit for a log",
}
LOGIN = 'mutation($e: String!) { login(input: {email: $e, password: "none"}) { __typename } }'


@pytest.fixture(scope="module")
async def api_told() -> AsyncIterator[Recording]:
    async def empty() -> bytes:
        return json_answer("Cache-Control: no-store")

    async with recording(empty) as started:
        yield started


@pytest.fixture(scope="module")
async def before_it(
    api_told: Recording, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    folder: Path = tmp_path_factory.mktemp("nginx")
    async with running_nginx(folder, api_told.address) as address:
        yield address


@pytest.mark.parametrize("path", ["/graphql", "/webhooks/stripe", "/sign-in"])
async def test_the_api_hears_of_the_client_from_nginx_alone(
    api_told: Recording, before_it: str, path: str
) -> None:
    shop = {"host": "shop.example"}
    async with httpx.AsyncClient(base_url=before_it) as client:
        await client.post(path, json={}, headers={**INVENTED, **shop})
        await client.post(path, json={}, headers={"x-request-id": "req_0123456789", **shop})
    invented, named = api_told.heard[-2:]
    assert invented["host"] == ["shop.example"]
    assert invented["x-forwarded-for"] == ["127.0.0.1"]
    assert invented["x-forwarded-proto"] == ["http"]
    assert not {"x-forwarded-host", "forwarded"} & invented.keys()
    (name,) = invented["x-request-id"]
    assert len(name) == 32
    assert named["x-request-id"] == ["req_0123456789"]


async def sign_ins(address: str, own: str, times: int, *, spoofed: bool) -> list[int]:
    """The statuses of so many attempts from the client's `own` address."""
    statuses = []
    transport = httpx.AsyncHTTPTransport(local_address=own)
    async with httpx.AsyncClient(base_url=address, transport=transport, timeout=20) as client:
        for number in range(times):
            body = {"query": LOGIN, "variables": {"e": f"{uuid4().hex}@example.com"}}
            headers = {"x-forwarded-for": f"203.0.113.{number}"} if spoofed else {}
            answer = await client.post("/graphql", json=body, headers=headers)
            statuses.append(answer.status_code)
    return statuses


async def test_an_invented_address_does_not_get_around_the_limit_of_ones_own(nginx: str) -> None:
    limited = [200] * SIGN_INS + [429] * 2
    assert await sign_ins(nginx, "127.0.9.1", SIGN_INS + 2, spoofed=True) == limited
    # Nor do all who come through nginx share one.
    assert await sign_ins(nginx, "127.0.9.2", SIGN_INS + 2, spoofed=False) == limited


async def test_a_page_of_ours_may_post_and_a_foreign_one_may_not(
    web: httpx.AsyncClient, nginx: str
) -> None:
    for origin, status in ((nginx, 200), ("https://evil.example", 403)):
        answer = await web.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"origin": origin}
        )
        assert answer.status_code == status, answer.text


async def test_a_page_of_ours_may_open_a_socket_and_a_foreign_one_may_not(nginx: str) -> None:
    def opened(origin: str) -> Any:
        return connect(
            nginx.replace("http", "ws", 1) + "/graphql",
            origin=Origin(origin),
            subprotocols=[Subprotocol("graphql-transport-ws")],
        )

    async with opened(nginx) as socket:
        assert socket.subprotocol == "graphql-transport-ws"
    with pytest.raises(InvalidStatus) as refused:
        async with opened("https://evil.example"):
            pass
    assert refused.value.response.status_code == 403


async def test_a_cookie_is_secure_by_nginxs_word_not_the_clients(api: Api, nginx: str) -> None:
    """One that is, over plain HTTP, would be thrown away by the browser."""
    email = f"{uuid4().hex}@example.com"
    text = (
        "mutation($e: String!) { register(input: {email: $e, name: $e,"
        ' password: "long enough to be one"}) { __typename } }'
    )
    answer = await api.http.post(
        f"{nginx}/graphql",
        json={"query": text, "variables": {"e": email}},
        headers={"x-forwarded-proto": "https", "origin": nginx},
    )
    assert "HttpOnly" in answer.headers["set-cookie"], answer.text
    assert "Secure" not in answer.headers["set-cookie"]
