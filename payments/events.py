"""The provider's events: verified on their raw bytes, received once, marked when handled."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

import asyncpg
import orjson
import stripe
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries

from payments.errors import BadSignature

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

JOB: Final = "payment_event"
"""{"event_id"}: an event in the inbox is to be handled."""

# Stripe's own tolerance: https://docs.stripe.com/webhooks#replay-attacks
TOLERANCE_SECONDS: Final = 300
# An event is handled within a second or two, or its job is on record.
PATIENCE: Final = timedelta(seconds=30)

_NAME = re.compile(r"\A[!-~]{1,255}\Z")
# An escaped NUL that is not itself the end of an escaped backslash: jsonb cannot hold it.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at the provider. It is a hint: the intent's state is asked for."""

    id: str
    type: str
    intent_id: str | None
    order_id: str | None
    user_id: str | None
    payload: dict[str, Any]


def verify(raw: bytes, signature_header: str, secret: str) -> Event:
    """Read an event whose signature is right and at most 300 seconds old.

    `raw` is the request's body exactly as it came: the signature covers its bytes.

    Raises:
        BadSignature: missing, wrong or old signature, or a body that is no event.
    """
    # The SDK compares with hmac.compare_digest, which fails on text that is not ASCII.
    if not signature_header.isascii():
        raise BadSignature("the signature is not ASCII")
    try:
        stripe.WebhookSignature.verify_header(raw, signature_header, secret, TOLERANCE_SECONDS)
        payload = orjson.loads(raw)
    except stripe.SignatureVerificationError as error:
        raise BadSignature(error.user_message or "the signature is wrong") from None
    except ValueError as error:  # not UTF-8, or not JSON
        raise BadSignature(f"the body is no event: {error}") from None
    return _event(payload)


async def receive(connection: Connection, event: Event) -> bool:
    """Put an event into the inbox and queue its handling, in one transaction.

    False when it was there already: nothing is written or queued a second time.
    """
    async with connection.transaction():
        new = await connection.fetchval(
            "INSERT INTO inbox (event_id, type, intent_id, user_id, order_id, payload)"
            " VALUES ($1, $2, $3, $4, $5, $6::text::jsonb)"
            " ON CONFLICT (event_id) DO NOTHING RETURNING true",
            event.id,
            event.type,
            event.intent_id,
            event.user_id,
            event.order_id,
            _NUL.sub(rb"\1\\ufffd", orjson.dumps(event.payload)).decode(),
        )
        if new is None:
            return False
        await _queue(connection, [event.id])
    return True


async def requeue_unhandled(connection: Connection, *, limit: int) -> int:
    """Queue the handling of events that have waited for long, unless it is queued; how many.

    A job is gone where Postgres was set back under a running worker: what that had still to write
    off names the jobs that have come since under the same numbers.
    """
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT event_id FROM inbox"
            " WHERE handled_at IS NULL AND received_at < now() - $1::interval"
            " ORDER BY received_at LIMIT $2",
            PATIENCE,
            limit,
        )
        return await _queue(connection, [row["event_id"] for row in rows])


async def mark_handled(connection: Connection, event_id: str) -> bool:
    """Note that an event's effects are durable; False when it had been noted before."""
    noted = await connection.fetchval(
        "UPDATE inbox SET handled_at = now()"
        " WHERE event_id = $1 AND handled_at IS NULL RETURNING true",
        event_id,
    )
    return noted is not None


async def _queue(connection: Connection, event_ids: list[str]) -> int:
    """Queue the handling of events of which none is queued yet; of how many."""
    if not event_ids:
        return 0
    # The driver only fetches and executes; a pool's proxy does that as a connection does.
    queries = Queries(AsyncpgDriver(cast("asyncpg.Connection", connection)))
    queued = await queries.enqueue(
        [JOB] * len(event_ids),
        [orjson.dumps({"event_id": event_id}) for event_id in event_ids],
        [0] * len(event_ids),
        dedupe_key=[f"event:{event_id}" for event_id in event_ids],
        on_conflict="skip",
    )
    return sum(job is not None for job in queued)


def _event(payload: object) -> Event:
    if not isinstance(payload, dict):
        raise BadSignature("the body is no event")
    subject = payload.get("data")
    subject = subject.get("object") if isinstance(subject, dict) else None
    event_id, kind = _name(payload.get("id")), _name(payload.get("type"))
    if event_id is None or kind is None or not isinstance(subject, dict):
        raise BadSignature("the body is no event")
    # A charge or refund names its intent; the intent is itself.
    named = "id" if subject.get("object") == "payment_intent" else "payment_intent"
    metadata = subject.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return Event(
        id=event_id,
        type=kind,
        intent_id=_name(subject.get(named)),
        order_id=_name(metadata.get("order_id")),
        user_id=_name(metadata.get("user_id")),
        payload=payload,
    )


def _name(value: object) -> str | None:
    """An identifier that may reach a database, else None."""
    return value if isinstance(value, str) and _NAME.match(value) else None
