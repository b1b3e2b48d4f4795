"""Documents that are named by their hash, over HTTP, as Apollo's clients and urql ask for them."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from redis.asyncio import Redis

from graph.remembered import sha256_of
from tests.graph.edge import Edge, edge_settings, serve_edge

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
PAGE = "more(first: 100)"
TOO_COSTLY = "{ deal { @ { nodes { @ { nodes { @ { nodes { id } } } } } } } }".replace("@", PAGE)


@pytest.fixture(scope="module")
async def shared(redis: Redis) -> AsyncIterator[Edge]:
    """A process that tells the others by Redis."""
    async with serve_edge(edge_settings(), redis=redis) as served:
        yield served


def new_document() -> str:
    """One that nobody has sent before."""
    return f"query Q{uuid4().hex}($name: String!) {{ hello(name: $name) }}"


def named(sha256: str, **more: object) -> dict[str, Any]:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256, **more}}
    return {"variables": {"name": "Ada"}, "extensions": extensions}


async def ask(
    edge: Edge, method: str, body: dict[str, Any], accept: str = GRAPHQL_JSON
) -> httpx.Response:
    if method == "POST":
        return await edge.http.post("/graphql", json=body, headers={"Accept": accept})
    params = {
        key: value if isinstance(value, str) else orjson.dumps(value).decode()
        for key, value in body.items()
    }
    return await edge.http.get("/graphql", params=params, headers={"Accept": accept})


def told(response: httpx.Response) -> tuple[int, str, str]:
    (error,) = response.json()["errors"]
    return response.status_code, error["extensions"]["code"], error["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL_JSON, 400)])
async def test_a_hash_that_nobody_knows_is_asked_for_by_its_text(
    shared: Edge, method: str, accept: str, status: int
) -> None:
    response = await ask(shared, method, named(sha256_of(new_document())), accept)
    assert told(response) == (status, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
    assert "no-store" in response.headers["cache-control"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_document_that_was_sent_once_is_known_by_its_hash(
    shared: Edge, redis: Redis, method: str
) -> None:
    text = new_document()
    sha256 = sha256_of(text)
    first = await ask(shared, method, {"query": text, **named(sha256, miss=True)})
    assert first.json() == {"data": {"hello": "hello Ada"}}
    for again in ("GET", "POST"):
        assert (await ask(shared, again, named(sha256))).json() == first.json()
        by_id = {"documentId": f"sha256:{sha256}", "variables": {"name": "Ada"}}
        assert (await ask(shared, again, by_id)).json() == first.json()
    async with serve_edge(edge_settings(), redis=redis) as another_process:
        assert (await ask(another_process, "GET", named(sha256))).json() == first.json()


async def test_a_hash_of_another_text_is_refused_and_not_remembered(shared: Edge) -> None:
    sha256 = sha256_of(new_document())
    response = await ask(shared, "POST", {"query": new_document(), **named(sha256)})
    assert told(response) == (400, "BAD_USER_INPUT", "provided sha does not match query")
    assert told(await ask(shared, "GET", named(sha256)))[1] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "text",
    ["{ nothing }", "{ hello ", "fragment F on Query { hello }", TOO_COSTLY],
    ids=["invalid", "syntax", "no operation", "too costly"],
)
async def test_a_document_that_cannot_be_executed_is_not_remembered(
    shared: Edge, text: str
) -> None:
    refused = await ask(shared, "POST", {"query": text, **named(sha256_of(text))})
    assert told(refused)[0] == 400
    again = await ask(shared, "POST", named(sha256_of(text)))
    assert told(again)[1] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL_JSON, 400)])
async def test_another_version_tells_the_client_to_do_without(
    shared: Edge, accept: str, status: int
) -> None:
    body = {
        "query": "{ hello }",
        "extensions": {"persistedQuery": {"version": 2, "sha256Hash": "x"}},
    }
    response = await ask(shared, "POST", body, accept)
    assert told(response) == (status, "PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")


@pytest.mark.parametrize("name", ["Deals", "ABC" * 21 + "D", "0" * 40])
async def test_what_is_neither_a_name_nor_a_hash_is_told_so(shared: Edge, name: str) -> None:
    status, code, message = told(await ask(shared, "GET", {"documentId": name}))
    assert (status, code) == (400, "BAD_USER_INPUT")
    assert "64 hexadecimal digits in lower case" in message


async def test_a_mutation_by_its_hash_needs_post(shared: Edge) -> None:
    text = f'mutation M{uuid4().hex} {{ placeOrder(key: "a") }}'
    body = named(sha256_of(text))
    assert (await ask(shared, "POST", {"query": text, **body})).status_code == 200
    shared.calls.clear()
    assert (await ask(shared, "GET", body)).status_code == 405
    assert shared.calls == []
    assert (await ask(shared, "POST", body)).json() == {"data": {"placeOrder": "a"}}


async def test_a_stream_may_name_its_document_as_well(shared: Edge) -> None:
    text = f"subscription S{uuid4().hex} {{ count(upTo: 2) }}"
    body = {"extensions": named(sha256_of(text))["extensions"]}
    unknown = await ask(shared, "POST", body, "text/event-stream")
    assert told(unknown) == (400, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
    for sent in ({"query": text, **body}, body):
        response = await ask(shared, "POST", sent, "text/event-stream")
        assert response.text.count("event: next\n") == 2
        assert '{"data":{"count":2}}' in response.text


async def test_without_redis_a_process_remembers_alone(edge: Edge) -> None:
    text = new_document()
    body = named(sha256_of(text))
    assert told(await ask(edge, "GET", body))[1] == "PERSISTED_QUERY_NOT_FOUND"
    assert (await ask(edge, "POST", {"query": text, **body})).status_code == 200
    assert (await ask(edge, "GET", body)).json() == {"data": {"hello": "hello Ada"}}
