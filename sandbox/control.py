"""What only a sandbox offers: its faults, its whole ledger, a day's forgetting, a bank's delay."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

import orjson
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sandbox import attempts, keys
from sandbox.desk import Desk, read_body
from sandbox.errors import WireError
from sandbox.faults import Mischief
from sandbox.store import Store, rows

Endpoint = Callable[[Request], Awaitable[Response]]

_LEDGER: Final = {
    "intents": (
        "SELECT id, status, amount, amount_received, amount_refunded, currency, metadata,"
        " payment_method, latest_charge, canceled_at, created FROM intents ORDER BY seq"
    ),
    "charges": (
        "SELECT id, intent_id, status, amount, currency, payment_method, failure_code, created"
        " FROM charges ORDER BY seq"
    ),
    "refunds": (
        "SELECT id, intent_id, charge_id, amount, currency, metadata, created FROM refunds"
        " ORDER BY seq"
    ),
    "events": "SELECT id, type, intent_id, created FROM events ORDER BY seq",
    "deliveries": "SELECT event_id, state, attempts, answer FROM deliveries ORDER BY seq",
}


def guarded(endpoint: Endpoint) -> Endpoint:
    """Only for the secret key: any page in a browser can reach a port on loopback."""

    async def checked(request: Request) -> Response:
        desk: Desk = request.state.desk
        if not desk.is_secret_key(request):
            refusal = WireError("The sandbox's controls need the secret key.", status=401)
            return JSONResponse(refusal.body, refusal.status)
        try:
            return await endpoint(request)
        except WireError as error:
            return JSONResponse(error.body, error.status)

    return checked


async def show_faults(request: Request) -> Response:
    """The faults that are on."""
    mischief: Mischief = request.state.mischief
    return JSONResponse(mischief.faults.model_dump(mode="json"))


async def change_faults(request: Request) -> Response:
    """Set some faults; the others stay."""
    mischief: Mischief = request.state.mischief
    try:
        given = orjson.loads(await read_body(request))
    except orjson.JSONDecodeError:
        raise WireError("The body is not JSON.") from None
    return JSONResponse(mischief.change(given).model_dump(mode="json"))


async def clear_faults(request: Request) -> Response:
    """Stop all harm."""
    mischief: Mischief = request.state.mischief
    return JSONResponse(mischief.clear().model_dump(mode="json"))


async def forget_keys(request: Request) -> Response:
    """Forget all idempotency keys, as if a day had passed."""
    desk: Desk = request.state.desk
    forgotten = desk.apart(request, lambda call: keys.forget_all(call.db))
    return JSONResponse({"forgotten": forgotten})


async def settle_intent(request: Request) -> Response:
    """End the waiting of an intent that is processing: {"outcome": "succeed" or "fail"}."""
    desk: Desk = request.state.desk
    try:
        given = orjson.loads(await read_body(request))
    except orjson.JSONDecodeError:
        raise WireError("The body is not JSON.") from None
    outcome = given.get("outcome") if isinstance(given, dict) else None
    if outcome not in ("succeed", "fail"):
        raise WireError("The outcome is succeed or fail.", param="outcome")
    settled = desk.apart(
        request, lambda call: attempts.settle(call, succeeded=outcome == "succeed")
    )
    return JSONResponse(settled)


async def show_ledger(request: Request) -> Response:
    """All intents, charges, refunds, events and deliveries, as they were at one moment."""
    store: Store = request.state.store
    return StreamingResponse(_ledger(store), media_type="application/json")


def _ledger(store: Store) -> AsyncIterator[bytes]:
    return iterate_in_threadpool(_ledger_bytes(store))


def _ledger_bytes(store: Store) -> Iterator[bytes]:
    with store.snapshot() as db:
        opening = b"{"
        for name, statement in _LEDGER.items():
            yield opening + orjson.dumps(name) + b":["
            separator = b""
            for row in rows(db, statement):
                if "metadata" in row:
                    row["metadata"] = orjson.loads(row["metadata"])
                yield separator + orjson.dumps(row)
                separator = b","
            yield b"]"
            opening = b","
        yield b"}\n"
