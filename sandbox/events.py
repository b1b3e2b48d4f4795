"""Events: written with what they tell, listed, and put down for delivery."""

from typing import Any

import orjson

from kit.clock import Clock, to_ms
from sandbox.calls import Call, fresh_id
from sandbox.config import SandboxConfig
from sandbox.errors import no_such
from sandbox.faults import Mischief
from sandbox.objects import API_VERSION
from sandbox.pages import Listing

listing = Listing(
    url="/v1/events",
    kind="event",
    statement=(
        "SELECT body FROM events WHERE seq < :below AND created BETWEEN :since AND :until"
        " AND (:filter IS NULL OR type = :filter) ORDER BY seq DESC LIMIT :limit"
    ),
    place="SELECT seq FROM events WHERE id = ?",
    filter_by="type",
    show=lambda row: orjson.loads(row["body"]),
)


def retrieve(call: Call) -> dict[str, Any]:
    """One event."""
    call.params.end()
    row = call.db.execute("SELECT body FROM events WHERE id = ?", (call.path["event"],)).fetchone()
    if row is None:
        raise no_such("event", call.path["event"], param="id")
    event: dict[str, Any] = orjson.loads(row["body"])
    return event


class EventBook:
    """Writes events into the transaction that causes them, with the deliveries they need."""

    def __init__(self, *, config: SandboxConfig, mischief: Mischief, clock: Clock) -> None:
        self._config = config
        self._mischief = mischief
        self._clock = clock

    def record(self, call: Call, kind: str, intent_id: str, subject: dict[str, Any]) -> None:
        """Write one event; it exists, and is delivered, if and only if its cause commits."""
        wanted = bool(self._config.webhook_url) and kind in self._config.webhook_events
        event_id = fresh_id("evt")
        body = {
            "id": event_id,
            "object": "event",
            "api_version": API_VERSION,
            "created": call.now,
            "data": {"object": subject},
            "livemode": False,
            "pending_webhooks": int(wanted),
            "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
            "type": kind,
        }
        call.db.execute(
            "INSERT INTO events (id, type, intent_id, body, created) VALUES (?, ?, ?, ?, ?)",
            (event_id, kind, intent_id, orjson.dumps(body).decode(), call.now),
        )
        if wanted:
            now_ms = to_ms(self._clock.now())
            call.db.executemany(
                "INSERT INTO deliveries (event_id, due_ms) VALUES (?, ?)",
                [(event_id, now_ms + delay_ms) for delay_ms in self._mischief.deliveries()],
            )
