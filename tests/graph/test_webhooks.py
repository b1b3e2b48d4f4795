"""The payment provider's events, from its signature to the inbox."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import httpx
import pytest
import stripe
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from graph.metrics import Metrics
from graph.request_ids import RequestIds
from graph.webhooks import PaymentWebhook
from kit.settings import Settings
from tests.graph.edge import serve

SECRET = "whsec_of_these_tests"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def caller(pool: asyncpg.Pool, metrics: Metrics) -> AsyncIterator[httpx.AsyncClient]:
    webhook = PaymentWebhook(pool, SecretStr(SECRET), metrics)
    app = Starlette(routes=[Route("/webhooks/stripe", webhook.receive, methods=["POST"])])
    app.add_middleware(RequestIds)
    async with (
        serve(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield client


@pytest.fixture
def event_id() -> str:
    return f"evt_{uuid4().hex}"


def _event(event_id: str) -> bytes:
    intent = {"id": "pi_1", "object": "payment_intent", "metadata": {"order_id": "ord_1"}}
    event = {"id": event_id, "object": "event", "type": "payment_intent.succeeded"}
    return json.dumps({**event, "data": {"object": intent}}).encode()


def _signed(raw: bytes, *, secret: str = SECRET, age_seconds: int = 0) -> dict[str, str]:
    signature = stripe.WebhookSignature.generate_signature_header(
        raw.decode(), secret, timestamp=int(time.time()) - age_seconds
    )
    return {**JSON, "Stripe-Signature": signature}


async def _rows(pool: asyncpg.Pool, event_id: str) -> tuple[int, int]:
    """The event's rows in the inbox, and the jobs that are queued for it."""
    return (
        await pool.fetchval("SELECT count(*) FROM inbox WHERE event_id = $1", event_id),
        await pool.fetchval(
            "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'payment_event'"
            " AND payload = $1::bytea",
            json.dumps({"event_id": event_id}, separators=(",", ":")).encode(),
        ),
    )


async def test_an_event_is_in_the_inbox_once_however_often_it_is_sent(
    caller: httpx.AsyncClient, pool: asyncpg.Pool, event_id: str, metrics: Metrics
) -> None:
    raw = _event(event_id)
    at_once = [caller.post("/webhooks/stripe", content=raw, headers=_signed(raw)) for _ in range(5)]
    assert {each.status_code for each in await asyncio.gather(*at_once)} == {200}
    assert await _rows(pool, event_id) == (1, 1)
    count = metrics.registry.get_sample_value
    name = "flashsale_payment_events_total"
    assert count(name, {"outcome": "received"}) == 1
    assert count(name, {"outcome": "repeated"}) == 4


@pytest.mark.parametrize(
    "spoil", ["wrong secret", "missing", "301 seconds old", "re-serialized", "garbage", "another's"]
)
async def test_an_event_that_is_not_signed_for_us_is_400_and_leaves_no_row(
    caller: httpx.AsyncClient, pool: asyncpg.Pool, event_id: str, spoil: str
) -> None:
    raw = _event(event_id)
    headers = {
        "wrong secret": _signed(raw, secret="whsec_other"),
        "missing": JSON,
        "301 seconds old": _signed(raw, age_seconds=302),
        "re-serialized": _signed(raw),
        "garbage": {**JSON, "Stripe-Signature": "t=x,v1=\x7e"},
        "another's": _signed(_event("evt_other")),
    }[spoil]
    if spoil == "re-serialized":
        raw = json.dumps(json.loads(raw), indent=1).encode()
    response = await caller.post("/webhooks/stripe", content=raw, headers=headers)
    assert response.status_code == 400
    assert await _rows(pool, event_id) == (0, 0)


@pytest.mark.parametrize("raw", [b"[]", b"{}", b"5", b"{", b'{"id": "evt_1"}'])
async def test_a_signed_body_that_is_no_event_is_400(caller: httpx.AsyncClient, raw: bytes) -> None:
    response = await caller.post("/webhooks/stripe", content=raw, headers=_signed(raw))
    assert response.status_code == 400


async def test_a_body_that_no_event_has_is_413(caller: httpx.AsyncClient) -> None:
    raw = b" " * (256 * 1024 + 1)
    response = await caller.post("/webhooks/stripe", content=raw, headers=_signed(raw))
    assert response.status_code == 413


async def test_only_post_is_allowed(caller: httpx.AsyncClient) -> None:
    response = await caller.get("/webhooks/stripe")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_without_a_secret_nobody_is_believed(pool: asyncpg.Pool, event_id: str) -> None:
    webhook = PaymentWebhook(pool, SecretStr(""), Metrics())
    app = Starlette(routes=[Route("/webhooks/stripe", webhook.receive, methods=["POST"])])
    raw = _event(event_id)
    async with (
        serve(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        response = await client.post(
            "/webhooks/stripe", content=raw, headers=_signed(raw, secret="")
        )
    assert response.status_code == 503
    assert await _rows(pool, event_id) == (0, 0)


async def test_an_event_that_cannot_be_kept_is_500_so_that_it_is_sent_again(
    settings: Settings, event_id: str
) -> None:
    closed = await asyncpg.create_pool(settings.database_url, min_size=0, max_size=1)
    await closed.close()
    webhook = PaymentWebhook(closed, SecretStr(SECRET), Metrics())
    app = Starlette(routes=[Route("/webhooks/stripe", webhook.receive, methods=["POST"])])
    app.add_middleware(RequestIds)
    raw = _event(event_id)
    async with (
        serve(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        response = await client.post("/webhooks/stripe", content=raw, headers=_signed(raw))
    assert response.status_code == 500
    error = response.json()["errors"][0]
    assert error["extensions"] == {
        "code": "INTERNAL",
        "requestId": response.headers["x-request-id"],
    }
