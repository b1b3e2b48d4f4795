"""The API process as it is deployed: its routes, and what opens and closes with it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from graph.app import create_app
from kit.settings import Settings, load_settings
from runtime.resources import Resources
from tests.graph.edge import serve


@pytest.fixture(scope="module")
async def process(settings: Settings, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve(create_app(settings, resources=resources)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        yield client


async def test_a_process_that_reaches_its_stores_is_ready(process: httpx.AsyncClient) -> None:
    assert (await process.get("/healthz")).json() == {"status": "ok"}
    response = await process.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "stores": {"postgres": "ok", "redis": "ok", "mongo": "ok"},
    }


async def test_it_answers_the_schema(process: httpx.AsyncClient) -> None:
    response = await process.post("/graphql", json={"query": "{ serverTime me { id } }"})
    assert response.status_code == 200
    assert response.json()["data"]["me"] is None
    assert response.json()["data"]["serverTime"].endswith("Z")


async def test_eleven_sign_ins_in_a_minute_are_one_too_many(process: httpx.AsyncClient) -> None:
    login = "mutation($e: String!) { login(input: {email: $e, password: %s}) { __typename } }"
    words = set()
    for _ in range(2):
        email = f"{uuid4().hex}@people.example"
        body = {"query": login % '"not the password"', "variables": {"e": email}}
        tried = [await process.post("/graphql", json=body) for _ in range(11)]
        assert [each.status_code for each in tried] == [200] * 10 + [429]
        assert int(tried[-1].headers["retry-after"]) >= 1
        words.add(tried[-1].json()["errors"][0]["message"])
    assert len(words) == 1


async def test_the_schema_can_be_tried_in_a_browser(process: httpx.AsyncClient) -> None:
    response = await process.get("/graphql", headers={"Accept": "text/html"})
    assert "GraphiQL" in response.text


async def test_what_it_counts_can_be_scraped(process: httpx.AsyncClient) -> None:
    await process.post("/graphql", json={"query": "{ serverTime }"})
    scraped = (await process.get("/metrics")).text
    assert 'flashsale_requests_total{operation="query",status="200"}' in scraped
    assert 'flashsale_drift_total{class="LOST_HOLD"}' in scraped


async def test_an_unsigned_event_is_turned_away_at_the_real_door(
    process: httpx.AsyncClient,
) -> None:
    assert (await process.post("/webhooks/stripe", content=b"{}")).status_code == 400


async def test_social_sign_in_is_not_offered_without_a_provider(
    process: httpx.AsyncClient,
) -> None:
    assert (await process.get("/auth/oidc/start")).status_code == 404


async def test_an_application_opens_nothing_before_it_starts() -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    create_app(load_settings(database_url=nowhere, redis_url="redis://127.0.0.1:1", mongo_url=""))
