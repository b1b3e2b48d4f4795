"""Where the payment provider's events come in: verified, put into the inbox, answered."""

from typing import Final

import asyncpg
import structlog
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from graph.metrics import Metrics
from graph.requests import BadRequest, read_body
from payments.errors import BadSignature
from payments.events import receive, verify

log = structlog.get_logger()

# An event carries the whole object that it is about: some KiB, and metadata of up to 50 entries.
MOST_BYTES: Final = 256 * 1024


class PaymentWebhook:
    """POST /webhooks/stripe. What an event means is decided later, by a job."""

    def __init__(self, pool: asyncpg.Pool, secret: SecretStr, metrics: Metrics) -> None:
        self._pool = pool
        self._secret = secret
        self._metrics = metrics

    async def receive(self, request: Request) -> Response:
        """200 once the event is in the inbox, also when it was there; 400 leaves no row.

        Anything else (the database is down) is a 500, and the provider sends the event again.
        """
        secret = self._secret.get_secret_value()
        if not secret:  # anybody can sign with an empty secret
            log.error("webhook_without_secret")
            return _answer(503, "FLASHSALE_STRIPE_WEBHOOK_SECRET is not set.")
        try:
            raw = await read_body(request.headers, request.receive, most_bytes=MOST_BYTES)
            event = verify(raw, request.headers.get("stripe-signature", ""), secret)
        except BadRequest as error:
            self._metrics.payment_event("refused")
            return _answer(error.status, error.message)
        except BadSignature as error:
            self._metrics.payment_event("refused")
            log.warning("webhook_refused", reason=str(error))
            return _answer(400, "The signature does not fit this body, or is too old.")
        async with self._pool.acquire() as connection:
            new = await receive(connection, event)
        self._metrics.payment_event("received" if new else "repeated")
        return JSONResponse({"received": True})


def _answer(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)
