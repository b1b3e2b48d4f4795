"""Takes a request of the API, carries it out once in one transaction, and answers."""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response

from kit.clock import Clock
from sandbox import keys
from sandbox.calls import Call, Caller, fresh_id
from sandbox.config import SandboxConfig
from sandbox.courier import Courier
from sandbox.errors import Refused, WireError
from sandbox.events import EventBook
from sandbox.faults import Mischief
from sandbox.keys import Answer
from sandbox.params import Nested, Params, nested
from sandbox.store import Store

MOST_BODY_BYTES: Final = 65_536
_MOST_FIELDS: Final = 500
# Longer than any client waits, short enough for a sandbox to be stopped meanwhile.
_SILENT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Operation:
    """A request of the API. `clients`: a storefront may send it too."""

    name: str
    run: Callable[[Call], dict[str, Any]]
    clients: bool = False


class Desk:
    """Every request of the API passes here."""

    def __init__(
        self,
        *,
        config: SandboxConfig,
        store: Store,
        mischief: Mischief,
        book: EventBook,
        courier: Courier,
        clock: Clock,
    ) -> None:
        self._config = config
        self._store = store
        self._mischief = mischief
        self._book = book
        self._courier = courier
        self._clock = clock

    async def serve(self, request: Request, operation: Operation) -> Response:
        """Answer one request, with whatever harm is on."""
        request_id = fresh_id("req", 14)
        harm = self._mischief.harm(operation.name)
        try:
            pairs = await _pairs(request)
            tree = nested(pairs)
            caller = self._caller(request, tree, operation)
            await asyncio.sleep(self._mischief.delay_seconds(operation.name))
            if harm == "fails_before":
                raise _broken()
            answer = self._execute(request, operation, caller, pairs, tree, request_id)
            if harm == "fails_after":
                raise _broken()
        except WireError as error:
            answer = Answer(error.status, orjson.dumps(error.body).decode(), request_id)
        if harm == "silent_after":
            await _outwait(request)
        return _response(request, answer, request_id)

    def apart(self, request: Request, run: Callable[[Call], Any]) -> Any:  # noqa: ANN401 - run's
        """Carry out something that is not of the API, in a transaction of its own."""
        with self._store.transaction() as db:
            done = run(self._call(db, request, "secret", {}, fresh_id("req", 14), None))
        self._courier.wake()
        return done

    def is_secret_key(self, request: Request) -> bool:
        """Whether a request carries the account's secret key."""
        return _same(_bearer(request), self._config.secret_key)

    def _execute(
        self,
        request: Request,
        operation: Operation,
        caller: Caller,
        pairs: list[tuple[str, str]],
        tree: Nested,
        request_id: str,
    ) -> Answer:
        """Carry out a request, or find what it was answered before. Never half of it.

        There is no await in here: of two requests with one key, the second finds the first's
        answer.
        """
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key is not None and not 0 < len(key) <= keys.LONGEST_KEY:
            raise WireError(f"Idempotency keys have 1 to {keys.LONGEST_KEY} characters.")
        now = int(self._clock.now().timestamp())
        same = keys.fingerprint(request.method, request.url.path, pairs)
        with self._store.transaction() as db:
            if key is not None:
                before = keys.recall(db, scope=caller, key=key, fingerprint=same, now=now)
                if before is not None:
                    return before
            call = self._call(db, request, caller, tree, request_id, key)
            try:
                status, body = 200, operation.run(call)
            except Refused as refusal:
                status, body = refusal.status, refusal.body
            answer = Answer(status, orjson.dumps(body).decode(), request_id)
            if key is not None:
                keys.remember(db, answer, scope=caller, key=key, fingerprint=same, now=now)
        self._courier.wake()
        return answer

    def _call(
        self,
        db: Any,  # noqa: ANN401 - sqlite3.Connection, inside its transaction
        request: Request,
        caller: Caller,
        tree: Nested,
        request_id: str,
        key: str | None,
    ) -> Call:
        return Call(
            db=db,
            caller=caller,
            params=Params(tree),
            path=dict(request.path_params),
            now=int(self._clock.now().timestamp()),
            base_url=str(request.base_url).rstrip("/"),
            request_id=request_id,
            idempotency_key=key,
            record=self._book.record,
        )

    def _caller(self, request: Request, tree: Nested, operation: Operation) -> Caller:
        """Who asks, by the Authorization header or by `key`, as Stripe.js sends it."""
        given = tree.pop("key", None)
        key = _bearer(request) or (given if isinstance(given, str) else "")
        if _same(key, self._config.secret_key):
            return "secret"
        if not _same(key, self._config.publishable_key) and (key or "client_secret" not in tree):
            shown = f"{key[:8]}***{key[-4:]}" if len(key) > 12 else "***"  # noqa: PLR2004 - hides most
            raise WireError(
                f"Invalid API Key provided: {shown}"
                if key
                else "You did not provide an API key in the Authorization header.",
                status=401,
            )
        if not operation.clients:
            raise WireError(
                "This API call cannot be made with a publishable API key. Please use a secret"
                " API key.",
                status=403,
                code="secret_key_required",
            )
        return "client"


async def _pairs(request: Request) -> list[tuple[str, str]]:
    """The form, or for a GET the query string."""
    if request.method == "GET":
        raw = request.url.query.encode()
    else:
        raw = await read_body(request)
        kind = request.headers.get("content-type", "application/x-www-form-urlencoded")
        if raw and kind.partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise WireError("Send parameters as application/x-www-form-urlencoded.")
    try:
        return parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise WireError("The parameters are not a form in UTF-8.") from None


async def read_body(request: Request) -> bytes:
    """A request's body, refused as soon as it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise WireError("The request is too long.", status=413)
    return bytes(body)


def _bearer(request: Request) -> str:
    """The API key of the Authorization header: a bearer token, or the name of basic auth."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return given.strip()
        case "basic":
            with suppress(binascii.Error, UnicodeDecodeError):
                return base64.b64decode(given.strip()).decode().partition(":")[0]
            return "?"
        case "":
            return ""
        case _:
            return "?"


def _same(given: str, key: str) -> bool:
    return bool(key) and hmac.compare_digest(given.encode(), key.encode())


def _broken() -> WireError:
    return WireError(
        "The sandbox was told to fail.", status=500, kind="api_error", code="internal_error"
    )


async def _outwait(request: Request) -> None:
    """Say nothing until the client has gone."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SILENT_SECONDS):
            while (await request.receive())["type"] != "http.disconnect":
                pass


def _response(request: Request, answer: Answer, request_id: str) -> Response:
    headers = {"Request-Id": request_id}
    if answer.replayed:
        headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.request_id}
    key = request.headers.get("idempotency-key")
    if key is not None and request.method == "POST":
        headers["Idempotency-Key"] = key
    return Response(answer.body, answer.status, headers, media_type="application/json")
