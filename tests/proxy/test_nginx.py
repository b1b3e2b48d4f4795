"""The real nginx before the API: what it keeps, for whom, and what it lets through."""

import asyncio
import json
import signal
from pathlib import Path
from uuid import uuid4

import httpx
import orjson
import pytest

from graph.remembered import sha256_of
from tests.clients.api_process import ApiProcess
from tests.journey.client import Api
from tests.orders.shop import Shop

LIMIT_SECONDS = 10.0


def stock_document() -> str:
    """A document of this test alone, so that nobody else has its answer kept."""
    return f"query Q{uuid4().hex}($d: ID!) {{ deal(id: $d) {{ title stock {{ available }} }} }}"


async def ask(
    web: httpx.AsyncClient, text: str, variables: dict[str, str] | None = None, **headers: str
) -> httpx.Response:
    """GET by hash, as a client does that has registered its document before."""
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256_of(text)}}
    params = {"extensions": orjson.dumps(extensions).decode()}
    if variables:
        params["variables"] = orjson.dumps(variables).decode()
    return await web.get("/graphql", params=params, headers=headers)


async def first_kept(
    web: httpx.AsyncClient, text: str, variables: dict[str, str], **headers: str
) -> httpx.Response:
    """Ask until the answer is public: one that was read while something changed is not."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            answer = await ask(web, text, variables, **headers)
            if answer.headers["cache-control"].startswith("public"):
                return answer
            await asyncio.sleep(0.02)


async def register(web: httpx.AsyncClient, text: str, variables: dict[str, str]) -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256_of(text)}}
    body = {"query": text, "variables": variables, "extensions": extensions}
    assert (await web.post("/graphql", json=body)).status_code == 200


async def test_a_public_answer_is_kept_and_told_to_whoever_asks(
    web: httpx.AsyncClient, shop: Shop, tokens: list[str]
) -> None:
    text, variables = stock_document(), {"d": await shop.deal()}
    unknown = await ask(web, text, variables)
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    await register(web, text, variables)
    first = await first_kept(web, text, variables)
    assert first.json() == {
        "data": {"deal": {"title": "Tea, by the tin", "stock": {"available": 10}}}
    }
    assert first.headers["x-cache"] == "MISS"
    assert first.headers["cache-control"] == "public, max-age=1, stale-while-revalidate=1"
    # Neither a session nor a cookie makes it another answer.
    many: list[dict[str, str]] = [
        {},
        {"authorization": f"Bearer {tokens[0]}"},
        {"cookie": "theme=dark"},
    ]
    for headers in many:
        again = await ask(web, text, variables, **headers)
        assert again.headers["x-cache"] in {"HIT", "STALE", "UPDATING"}
        assert again.content == first.content
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
    had = await ask(web, text, variables, **{"if-none-match": first.headers["etag"]})
    assert (had.status_code, had.content) == (304, b"")
    assert had.headers["etag"] == first.headers["etag"]
    assert had.headers["cache-control"] == first.headers["cache-control"]


async def test_another_media_type_is_another_answer(web: httpx.AsyncClient, shop: Shop) -> None:
    text, variables = stock_document(), {"d": await shop.deal()}
    await register(web, text, variables)
    for media_type in ("application/json", "application/graphql-response+json"):
        answer = await first_kept(web, text, variables, accept=media_type)
        assert answer.headers["x-cache"] == "MISS"
        assert answer.headers["content-type"].startswith(media_type)


async def test_a_personal_answer_is_never_kept(web: httpx.AsyncClient, tokens: list[str]) -> None:
    text = f"query Q{uuid4().hex} {{ me {{ id }} }}"
    await register(web, text, {})
    seen = []
    for token in (*tokens, None, tokens[0]):
        answer = await ask(web, text, authorization=f"Bearer {token}" if token else "")
        assert answer.headers["x-cache"] == "MISS"
        assert answer.headers["cache-control"] == "private, no-store"
        assert "etag" not in answer.headers
        me = answer.json()["data"]["me"]
        seen.append(me and me["id"])
    assert len({*seen}) == 3
    assert (seen[0], seen[2]) == (seen[3], None)


async def test_an_error_is_never_kept(web: httpx.AsyncClient) -> None:
    text = f"query Q{uuid4().hex} {{ nothing }}"
    for _ in range(2):
        answer = await web.get("/graphql", params={"query": text})
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert answer.headers["x-cache"] == "MISS"


async def test_a_mutation_passes_and_the_answer_is_new_within_about_a_second(
    web: httpx.AsyncClient, api: Api, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=5)
    text, variables = stock_document(), {"d": deal_id}
    await register(web, text, variables)
    await first_kept(web, text, variables)
    added = await api.run("AddToCart", input={"dealId": deal_id, "quantity": 2})
    assert added["cart"]["items"][0]["quantity"] == 2
    async with asyncio.timeout(LIMIT_SECONDS):
        while (await ask(web, text, variables)).json()["data"]["deal"]["stock"]["available"] != 3:
            await asyncio.sleep(0.02)


async def test_subscriptions_pass_over_a_socket_and_as_a_stream(
    web: httpx.AsyncClient, api: Api, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=5)
    text = "subscription($d: ID!) { stockChanged(dealIds: [$d]) { available } }"
    body = {"query": text, "variables": {"d": deal_id}}
    headers = {"accept": "text/event-stream"}
    async with (
        api.subscribe("StockChanged", dealIds=[deal_id]) as socket,
        web.stream("POST", "/graphql", json=body, headers=headers) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = (line async for line in stream.aiter_lines() if line.startswith("data: "))
        await socket.until(available=5)
        assert json.loads((await anext(lines))[6:])["data"]["stockChanged"] == {"available": 5}
        await api.run("AddToCart", input={"dealId": deal_id, "quantity": 1})
        await socket.until(available=4)
        async with asyncio.timeout(LIMIT_SECONDS):
            assert json.loads((await anext(lines))[6:])["data"]["stockChanged"] == {"available": 4}


async def test_a_body_that_is_too_large_is_refused_in_graphqls_form(
    web: httpx.AsyncClient,
) -> None:
    answer = await web.post("/graphql", content=b"x" * (64 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_event_of_the_provider_passes_as_it_is(web: httpx.AsyncClient) -> None:
    """One without a signature is refused by the API, not by nginx."""
    answer = await web.post("/webhooks/stripe", content=b"y" * (100 * 1024))
    assert answer.status_code == 400
    assert "nginx" not in answer.text


async def test_the_figures_of_a_process_are_not_for_everybody(web: httpx.AsyncClient) -> None:
    assert (await web.get("/metrics")).status_code == 404
    assert (await web.get("/healthz")).json() == {"status": "ok"}
    assert (await web.get("/")).headers["content-type"].startswith("text/html")


async def test_an_api_that_is_down_is_spoken_for(
    web: httpx.AsyncClient, proxied: ApiProcess, shop: Shop, proxy_folder: Path
) -> None:
    text, variables = stock_document(), {"d": await shop.deal()}
    await register(web, text, variables)
    kept = await first_kept(web, text, variables)
    await proxied.stop(signal.SIGKILL)
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while (old := await ask(web, text, variables)).headers["x-cache"] != "STALE":
                await asyncio.sleep(0.05)
        assert (old.status_code, old.content) == (200, kept.content)
        away = await web.post("/graphql", json={"query": "{ me { id } }"})
        assert (away.status_code, away.headers["retry-after"]) == (503, "1")
        assert away.json()["errors"][0]["extensions"]["code"] == "OVERLOADED"
    finally:
        await proxied.start()
    assert "[emerg]" not in (proxy_folder / "error.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["PROXY_LISTEN", "PROXY_SERVERS", "PROXY_FOLDER", "PROXY_LOG"])
def test_compose_fills_in_what_the_configuration_leaves_open(name: str) -> None:
    root = Path(__file__).parents[2]
    template = (root / "deploy" / "nginx" / "flashsale.conf.template").read_text(encoding="utf-8")
    assert f"${{{name}}}" in template
    assert f"      {name}: " in (root / "docker-compose.yml").read_text(encoding="utf-8")
