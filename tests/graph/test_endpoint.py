"""GraphQL over HTTP: what is answered, as what, with which status."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.graph.edge import SHOP, Edge, edge_settings, serve_edge, until

GRAPHQL_JSON = "application/graphql-response+json"
HELLO = "{ hello }"


def _code(response: httpx.Response) -> str:
    code: str = response.json()["errors"][0]["extensions"]["code"]
    return code


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (GRAPHQL_JSON, GRAPHQL_JSON),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("", "application/json"),
        ("text/plain, application/json;q=0.5", "application/json"),
        (f"application/json;q=0.5, {GRAPHQL_JSON}", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, application/json;q=0.9", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}; charset=utf-8, application/json", GRAPHQL_JSON),
    ],
)
async def test_the_answer_has_the_media_type_that_was_asked_for(
    edge: Edge, accept: str, media_type: str
) -> None:
    response = await edge.post(HELLO, accept=accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"data": {"hello": "hello you"}}


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "text/html", "nonsense"])
async def test_a_media_type_that_we_do_not_have_is_406(edge: Edge, accept: str) -> None:
    response = await edge.post(HELLO, accept=accept)
    assert response.status_code == 406
    assert _code(response) == "BAD_USER_INPUT"


async def test_a_query_may_be_asked_by_get(edge: Edge) -> None:
    response = await edge.http.get(
        "/graphql",
        params={
            "query": "query Greet($name: String!) { hello(name: $name) }",
            "variables": '{"name": "Ada"}',
            "operationName": "Greet",
            "extensions": "{}",
        },
    )
    assert response.json() == {"data": {"hello": "hello Ada"}}


@pytest.mark.parametrize("accept", ["application/json", GRAPHQL_JSON, "text/event-stream"])
async def test_a_mutation_by_get_is_405_and_not_executed(edge: Edge, accept: str) -> None:
    edge.calls.clear()
    response = await edge.http.get(
        "/graphql",
        params={"query": 'mutation { placeOrder(key: "a") }'},
        headers={"Accept": accept},
    )
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert edge.calls == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_405_and_say_what_is_allowed(edge: Edge, method: str) -> None:
    response = await edge.http.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=iso-8859-1",
        "application/graphql",
        "",
    ],
)
async def test_a_body_that_is_not_json_is_415(edge: Edge, content_type: str) -> None:
    response = await edge.http.post(
        "/graphql",
        content=json.dumps({"query": HELLO}),
        headers={"Content-Type": content_type} if content_type else {},
    )
    assert response.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"query": "\xff"}',
        b'"text"',
        b"5",
        b"null",
        b"true",
        b"[]",
        b'[{"query": "{ hello }"}, {"query": "{ hello }"}]',
        b"{}",
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ""}',
        b'{"query": {"$ne": null}}',
        b'{"query": "{ hello }", "variables": "{}"}',
        b'{"query": "{ hello }", "variables": []}',
        b'{"query": "{ hello }", "operationName": 5}',
        b'{"query": "{ hello }", "operationName": "Other"}',
        b'{"query": "{ hello }", "extensions": []}',
        b"[" * 32_000,
        b'{"query": "{ hello }", "variables": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"query": "\\ud800"}',
    ],
    ids=lambda body: body[:40].decode(errors="replace"),
)
@pytest.mark.parametrize("accept", ["application/json", GRAPHQL_JSON])
async def test_a_body_that_asks_for_nothing_is_400(edge: Edge, body: bytes, accept: str) -> None:
    response = await edge.http.post(
        "/graphql",
        content=body,
        headers={"Content-Type": "application/json", "Accept": accept},
    )
    assert response.status_code == 400
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    assert _code(response) == "BAD_USER_INPUT"
    assert "data" not in response.json()


@pytest.mark.parametrize("variables", ["{", "5", '"x"', "[1]"])
async def test_variables_by_get_that_are_no_object_are_400(edge: Edge, variables: str) -> None:
    response = await edge.http.get("/graphql", params={"query": HELLO, "variables": variables})
    assert response.status_code == 400


@pytest.mark.parametrize("size", [65_537, 10 * 1024 * 1024])
async def test_a_body_over_64_kib_is_413(edge: Edge, size: int) -> None:
    response = await edge.post(HELLO, {"password": "x" * size})
    assert response.status_code == 413
    assert (await edge.post(HELLO)).status_code == 200


async def test_a_body_without_a_declared_length_is_bounded_while_it_streams(edge: Edge) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 1024

    response = await edge.http.post(
        "/graphql", content=endless(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query($q: Int!) { quantity(of: $q) }", {"q": 99999999999}),
        ("query($q: Int!) { quantity(of: $q) }", {"q": 1.5}),
        ("query($q: Int!) { quantity(of: $q) }", {"q": "1"}),
        ("query($q: Int!) { quantity(of: $q) }", {"q": {"$ne": None}}),
        ("query($q: Int!) { quantity(of: $q) }", {"q": None}),
        ("query($q: Int!) { quantity(of: $q) }", {}),
        ("{ quantity(of: 99999999999) }", None),
        ("{ quantity(of: 1.5) }", None),
        ('{ quantity(of: "1") }', None),
        ("{ quantity(of: 1, price: 2) }", None),
        ("{ quantity(of: 1", None),
        ("{ nothing }", None),
        ("query A { quantity(of: 1) } query B { quantity(of: 2) }", None),
    ],
)
async def test_a_document_that_cannot_be_executed_is_a_400_without_data(
    edge: Edge, query: str, variables: dict[str, object] | None
) -> None:
    edge.calls.clear()
    response = await edge.post(query, variables)
    assert response.status_code == 400
    assert _code(response) == "BAD_USER_INPUT"
    assert "data" not in response.json()
    legacy = await edge.post(query, variables, accept="application/json")
    assert legacy.status_code == 200
    assert "data" not in legacy.json()
    assert edge.calls == []


async def test_a_subscription_needs_another_transport(edge: Edge) -> None:
    response = await edge.post("subscription { count(upTo: 1) }")
    assert response.status_code == 400
    assert "WebSocket" in response.json()["errors"][0]["message"]


async def test_a_rate_limited_operation_is_429_and_says_when_to_come_back(edge: Edge) -> None:
    for accept in ("application/json", GRAPHQL_JSON):
        response = await edge.post('mutation { login(name: "flood") }', accept=accept)
        assert response.status_code == 429
        assert response.headers["retry-after"] == "2"
        extensions = response.json()["errors"][0]["extensions"]
        assert extensions == {"code": "RATE_LIMITED", "retryAfterMs": 1_500}


async def test_attempts_are_counted_by_buyer_and_by_address(edge: Edge) -> None:
    edge.fakes.limiter.admitted.clear()
    await edge.post('mutation { a: addToCart(name: "x") b: addToCart(name: "x") }')
    assert edge.fakes.limiter.admitted == [("cart", "x", "127.0.0.1")] * 2


async def test_what_is_out_of_reach_is_503_and_says_when_to_come_back(edge: Edge) -> None:
    response = await edge.post("{ later }")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert _code(response) == "OVERLOADED"


async def test_more_operations_than_are_bounded_are_turned_away() -> None:
    async with serve_edge(edge_settings(), most_at_once=2) as edge:
        waiting = [asyncio.create_task(edge.post("{ wait }")) for _ in range(2)]
        await until(lambda: len(edge.calls) == 2)
        refused = await edge.post(HELLO)
        assert (refused.status_code, _code(refused)) == (503, "OVERLOADED")
        edge.fakes.gate.set()
        assert [each.status_code for each in await asyncio.gather(*waiting)] == [200, 200]
        assert (await edge.post(HELLO)).status_code == 200


async def test_our_own_mistakes_are_masked_and_named_by_the_request_id(edge: Edge) -> None:
    response = await edge.post("{ boom hello }", headers={"X-Request-Id": "req-of-a-test"})
    assert response.status_code == 200
    assert response.headers["x-request-id"] == "req-of-a-test"
    assert "hunter2" not in response.text
    assert response.json() == {
        "data": {"boom": None, "hello": "hello you"},
        "errors": [
            {
                "message": "Something went wrong on our side. Tell us the requestId.",
                "locations": [{"line": 1, "column": 3}],
                "path": ["boom"],
                "extensions": {"code": "INTERNAL", "requestId": "req-of-a-test"},
            }
        ],
    }


async def test_a_request_id_that_is_not_fit_for_a_log_is_replaced(edge: Edge) -> None:
    response = await edge.post(HELLO, headers={"X-Request-Id": "a b\tc"})
    assert response.headers["x-request-id"].startswith("req_")


async def test_an_error_that_we_meant_keeps_its_words(edge: Edge) -> None:
    response = await edge.post("{ badPage }")
    (error,) = response.json()["errors"]
    assert error["message"] == "first must be 1 to 100."
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "first"}


async def test_a_person_gets_a_page_to_try_the_schema(edge: Edge) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = await edge.http.get("/graphql", headers={"Accept": browser})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["x-frame-options"] == "DENY"
    assert "GraphiQL" in response.text


async def test_requests_are_counted_by_operation_and_status(edge: Edge) -> None:
    await edge.post(HELLO)
    await edge.post("{ nothing }")
    scraped = (await edge.http.get("/metrics")).text
    assert 'flashsale_requests_total{operation="query",status="200"}' in scraped
    assert 'flashsale_requests_total{operation="query",status="400"}' in scraped
    assert 'flashsale_errors_total{code="BAD_USER_INPUT"}' in scraped
    assert 'flashsale_request_seconds_bucket{le="0.001",operation="query"}' in scraped
    assert SHOP not in scraped
