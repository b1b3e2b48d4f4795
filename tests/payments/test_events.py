"""Events: only what the provider signed comes in, and it comes in once."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import orjson
import pytest
import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from payments.errors import BadSignature
from payments.events import (
    JOB,
    PATIENCE,
    Event,
    mark_handled,
    receive,
    requeue_unhandled,
    verify,
)
from tests.sandbox.running import (
    WEBHOOK_SECRET,
    config_for,
    run_receiver,
    run_sandbox,
    serve,
    until,
)

BODY = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "data": {
        "object": {
            "id": "pi_1",
            "object": "payment_intent",
            "metadata": {"order_id": "ord_1", "user_id": "usr_1"},
        }
    },
}
RAW = orjson.dumps(BODY)


def signed(raw: bytes, *, age_seconds: int = 0, secret: str = WEBHOOK_SECRET) -> str:
    at = int(time.time()) - age_seconds
    header: str = stripe.WebhookSignature.generate_signature_header(raw.decode(), secret, at)
    return header


def event(number: str, payload: dict[str, object] | None = None) -> Event:
    return Event(
        id=f"evt_{number}",
        type="payment_intent.succeeded",
        intent_id="pi_1",
        order_id="ord_1",
        user_id="usr_1",
        payload=payload or BODY,
    )


@pytest.fixture
async def inbox(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Pool]:
    """The inbox and its jobs, empty before and after."""

    async def empty() -> None:
        await pool.execute("DELETE FROM inbox")
        await pool.execute("DELETE FROM pgqueuer WHERE entrypoint = $1", JOB)

    await empty()
    yield pool
    await empty()


async def held(inbox: asyncpg.Pool) -> tuple[list[str], list[str]]:
    """The ids of the events in the inbox, and those that a job was queued for."""
    rows = await inbox.fetch("SELECT event_id FROM inbox ORDER BY event_id")
    jobs = await inbox.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1", JOB)
    queued = sorted(orjson.loads(job["payload"])["event_id"] for job in jobs)
    return [row["event_id"] for row in rows], queued


def test_a_signed_event_names_its_intent_and_order() -> None:
    found = verify(RAW, signed(RAW), WEBHOOK_SECRET)
    assert found == Event(
        id="evt_1",
        type="payment_intent.succeeded",
        intent_id="pi_1",
        order_id="ord_1",
        user_id="usr_1",
        payload=BODY,
    )


def test_a_charges_event_names_the_intent_it_belongs_to() -> None:
    charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_9", "metadata": {}}
    raw = orjson.dumps({**BODY, "type": "charge.refunded", "data": {"object": charge}})
    found = verify(raw, signed(raw), WEBHOOK_SECRET)
    assert (found.intent_id, found.order_id, found.user_id) == ("pi_9", None, None)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "nonsense",
        "t=1,v0=aa",
        "t=99999999999999999999,v1=aa",
        "t=" + "9" * 5_000 + ",v1=aa",
        signed(RAW, secret="whsec_other"),
        signed(RAW, age_seconds=301),
        signed(RAW).replace("v1=", "v0="),
        signed(RAW) + "é",
        signed(RAW)[:-1],
    ],
)
def test_a_wrong_missing_or_old_signature_is_bad(header: str) -> None:
    with pytest.raises(BadSignature):
        verify(RAW, header, WEBHOOK_SECRET)


def test_a_signature_of_299_seconds_is_good() -> None:
    assert verify(RAW, signed(RAW, age_seconds=299), WEBHOOK_SECRET).id == "evt_1"


@pytest.mark.parametrize(
    "raw",
    [
        orjson.dumps(BODY, option=orjson.OPT_INDENT_2),
        RAW + b"\n",
        RAW.replace(b"pi_1", b"pi_2"),
        RAW + b"\xff",
        b"",
    ],
)
def test_a_body_other_than_the_signed_bytes_is_bad(raw: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(raw, signed(RAW), WEBHOOK_SECRET)


def test_without_a_secret_nothing_is_good() -> None:
    with pytest.raises(BadSignature):
        verify(RAW, signed(RAW, secret=""), "")


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"text"',
        b"not json",
        b"[" * 5_000,
        orjson.dumps({**BODY, "id": None}),
        orjson.dumps({**BODY, "id": "evt\x00"}),
        orjson.dumps({**BODY, "type": 5}),
        orjson.dumps({**BODY, "data": []}),
        orjson.dumps({**BODY, "data": {"object": None}}),
    ],
)
def test_a_signed_body_that_is_no_event_is_bad(body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(body, signed(body), WEBHOOK_SECRET)


def test_metadata_that_could_not_be_an_id_is_left_out() -> None:
    subject = {
        "id": "pi_1",
        "object": "payment_intent",
        "metadata": {"order_id": "a\x00", "user_id": {}},
    }
    raw = orjson.dumps({**BODY, "data": {"object": subject}})
    found = verify(raw, signed(raw), WEBHOOK_SECRET)
    assert (found.intent_id, found.order_id, found.user_id) == ("pi_1", None, None)


async def test_an_event_comes_in_once_with_one_job(inbox: asyncpg.Pool) -> None:
    async def take() -> bool:
        async with inbox.acquire() as connection:
            return await receive(connection, event("once"))

    assert sorted(await asyncio.gather(*(take() for _ in range(10)))) == [False] * 9 + [True]
    assert await held(inbox) == (["evt_once"], ["evt_once"])
    row = await inbox.fetchrow("SELECT * FROM inbox")
    assert row is not None
    assert (row["intent_id"], row["order_id"], row["user_id"], row["handled_at"]) == (
        "pi_1",
        "ord_1",
        "usr_1",
        None,
    )
    assert orjson.loads(row["payload"]) == BODY


async def test_an_event_whose_transaction_fails_leaves_neither_row_nor_job(
    inbox: asyncpg.Pool,
) -> None:
    async def fail() -> None:
        async with inbox.acquire() as connection, connection.transaction():
            assert await receive(connection, event("lost"))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await held(inbox) == ([], [])


async def test_text_that_postgres_cannot_hold_does_not_keep_an_event_out(
    inbox: asyncpg.Pool,
) -> None:
    async with inbox.acquire() as connection:
        assert await receive(connection, event("nul", {"a": "b\x00c", "d": "\\u0000"}))
    payload = orjson.loads(await inbox.fetchval("SELECT payload FROM inbox"))
    assert payload == {"a": "b\ufffdc", "d": "\\u0000"}


async def test_an_event_is_marked_handled_once(inbox: asyncpg.Pool) -> None:
    async with inbox.acquire() as connection:
        await receive(connection, event("done"))
        assert await mark_handled(connection, "evt_done")
        assert not await mark_handled(connection, "evt_done")
        assert not await mark_handled(connection, "evt_unknown")
    assert await inbox.fetchval("SELECT handled_at FROM inbox") is not None


async def test_an_event_whose_job_is_gone_is_queued_again_once(inbox: asyncpg.Pool) -> None:
    async with inbox.acquire() as connection:
        for name in ("lost", "queued", "handled", "new"):
            await receive(connection, event(name))
        await mark_handled(connection, "evt_handled")
        await connection.execute(
            "UPDATE inbox SET received_at = now() - $1::interval * 2 WHERE event_id <> 'evt_new'",
            PATIENCE,
        )
        await connection.execute(
            "DELETE FROM pgqueuer WHERE entrypoint = $1 AND dedupe_key <> 'event:evt_queued'", JOB
        )
        assert await requeue_unhandled(connection, limit=10) == 1
        assert await requeue_unhandled(connection, limit=10) == 0
    assert (await held(inbox))[1] == ["evt_lost", "evt_queued"]


async def test_a_storm_of_webhooks_from_the_sandbox_fills_the_inbox_once(
    inbox: asyncpg.Pool, tmp_path: Path
) -> None:
    taken: list[bool] = []

    async def take(request: Request) -> Response:
        try:
            found = verify(
                await request.body(), request.headers.get("stripe-signature", ""), WEBHOOK_SECRET
            )
        except BadSignature:
            return Response(status_code=400)
        async with inbox.acquire() as connection:
            taken.append(await receive(connection, found))
        return Response()

    app = Starlette(routes=[Route("/webhooks/stripe", take, methods=["POST"])])
    async with serve(app) as address:
        config = config_for(tmp_path, webhook_url=f"{address}/webhooks/stripe")
        async with run_sandbox(config) as sandbox:
            await sandbox.faults(duplicate_events=4, shuffle_events_ms=100)
            intents = [await sandbox.create() for _ in range(5)]
            for intent in intents:
                await sandbox.confirm(intent)
            await until(lambda: len(taken) == 25)
    assert sum(taken) == 5
    rows, jobs = await held(inbox)
    assert (len(rows), rows) == (5, jobs)
    paid = await inbox.fetch("SELECT intent_id FROM inbox")
    assert {row["intent_id"] for row in paid} == {intent["id"] for intent in intents}


async def test_a_webhook_signed_with_another_secret_is_never_taken(tmp_path: Path) -> None:
    async with run_receiver() as receiver:
        config = config_for(tmp_path, webhook_url=receiver.url)
        async with run_sandbox(config) as sandbox:
            await sandbox.confirm(await sandbox.create())
            await until(lambda: bool(receiver.bodies))
    with pytest.raises(BadSignature):
        verify(receiver.bodies[0], receiver.signatures[0], "whsec_of_somebody_else")
    assert verify(receiver.bodies[0], receiver.signatures[0], WEBHOOK_SECRET).type == (
        "payment_intent.succeeded"
    )
