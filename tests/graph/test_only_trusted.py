"""A process that executes registered documents alone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from graph.app import create_app
from graph.page_documents import all_page_documents
from graph.remembered import sha256_of, slot_of
from graph.trusted import Trusted
from kit.settings import Settings, SettingsError
from runtime.resources import Resources
from tests.graph.edge import Edge, Talk, edge_settings, serve, serve_edge

HELLO = "query Hello { hello }"
COUNT = "subscription Count { count(upTo: 1) }"
OTHER = "{ quantity(of: 1) }"


@pytest.fixture(scope="module")
async def closed(redis: Redis) -> AsyncIterator[Edge]:
    """Greets everybody, and counts for the kiosk."""
    trusted = Trusted()
    trusted.add(HELLO, "Hello")
    trusted.add(COUNT, client="kiosk")
    await redis.set(slot_of(sha256_of(OTHER)), OTHER)  # as another process might have
    settings = edge_settings(only_trusted_documents=True)
    async with serve_edge(settings, trusted=trusted, redis=redis) as served:
        yield served


def apollo(text: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256_of(text)}}}


@pytest.mark.parametrize(
    "body",
    [{"query": HELLO}, {"documentId": "Hello"}, apollo(HELLO), {"query": HELLO, **apollo(HELLO)}],
)
async def test_a_registered_document_is_executed_however_it_is_asked_for(
    closed: Edge, body: dict[str, Any]
) -> None:
    response = await closed.http.post("/graphql", json=body)
    assert response.json() == {"data": {"hello": "hello you"}}


@pytest.mark.parametrize(
    "body",
    [{"query": OTHER}, {"documentId": "Deals"}, apollo(OTHER), {"query": OTHER, **apollo(OTHER)}],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_nothing_else_is(closed: Edge, body: dict[str, Any], accept: str) -> None:
    closed.calls.clear()
    response = await closed.http.post("/graphql", json=body, headers={"Accept": accept})
    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"] == {"code": "DOCUMENT_NOT_TRUSTED"}
    assert "no-store" in response.headers["cache-control"]
    assert closed.calls == []


@pytest.mark.parametrize("header", ["apollographql-client-name", "X-Client-Name"])
async def test_a_client_says_who_it_is_by_a_header(closed: Edge, header: str) -> None:
    for name, status in (("kiosk", 200), ("shop", 403)):
        response = await closed.http.post(
            "/graphql", json=apollo(COUNT), headers={"Accept": "text/event-stream", header: name}
        )
        assert response.status_code == status


@pytest.mark.parametrize(("name", "told"), [("kiosk", "next"), ("shop", "error"), (None, "error")])
async def test_a_socket_says_whose_it_is_when_it_begins(
    closed: Edge, name: str | None, told: str
) -> None:
    async with closed.socket() as connection:
        talk = Talk(connection)
        await talk.send(type="connection_init", payload={"clientName": name})
        await talk.read()
        await talk.send(type="subscribe", id="1", payload={"documentId": sha256_of(COUNT)})
        message = await talk.read()
        assert (message["type"], message["id"]) == (told, "1")
        if told == "error":
            (error,) = message["payload"]
            assert error["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
        await talk.subscribe("2", HELLO)
        while (message := await talk.read())["id"] != "2":
            pass
        assert message["payload"] == {"data": {"hello": "hello you"}}


async def test_a_sockets_handshake_may_say_whose_it_is(closed: Edge) -> None:
    headers: dict[str, Any] = {"x-client-name": "kiosk"}
    async with closed.socket(**headers) as connection:
        talk = Talk(connection)
        await talk.init()
        await talk.subscribe("1", COUNT)
        assert (await talk.read())["payload"] == {"data": {"count": 1}}


async def test_our_own_pages_work_where_nothing_else_does(
    settings: Settings, resources: Resources
) -> None:
    only = settings.model_copy(update={"only_trusted_documents": True})
    app = create_app(only, resources=replace(resources, settings=only))
    documents = all_page_documents()
    assert len(documents) > 25
    async with (
        serve(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        for text in documents:
            # Most lack their variables or a session: what matters is who refuses them.
            assert (await client.post("/graphql", json={"query": text})).status_code != 403
        refused = await client.post("/graphql", json={"query": "{ serverTime  }"})
        assert refused.status_code == 403


def test_a_wrong_registry_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.graphql").write_text("{ nothing }", encoding="utf-8")
    wrong = settings.model_copy(update={"trusted_documents": str(tmp_path)})
    with pytest.raises(SettingsError, match=r"a\.graphql: Cannot query field 'nothing'"):
        create_app(wrong)
