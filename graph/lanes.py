"""Lanes: what answers to POSTs with the same headers have in common, worked out once."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.http_answers import TELL_CACHE_STATUS, respond_body
from graph.middleware import edge_middleware
from graph.negotiation import GRAPHQL_JSON, JSON, answer_type, is_json
from graph.requests import CLIENT_NAMES, BadRequest, Origins, fit_for_a_log
from kit.ids import ALPHABET, new_id
from kit.settings import Settings

RawHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Headers by lower-case name, in their order."""

PATH: Final = b"/graphql"
# Ways in which clients put their headers. Browsers come in some dozens.
MOST_LANES: Final = 1_024

_CLIENT: Final = frozenset(name.encode() for name in CLIENT_NAMES)
_LANE: Final = _CLIENT | {b"accept", b"content-type", b"origin", b"host"}
# What asks for something that is not answered here.
_ELSEWHERE: Final = frozenset(
    {TELL_CACHE_STATUS.encode(), b"expect", b"upgrade", b"content-encoding"}
)
# What comes from a proxy says who asks; whether it is believed is uvicorn's affair.
FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"})
# Headers that every answer in a lane has, and those that are written apart.
_IN_HEAD: Final = frozenset({b"content-type", b"cache-control", b"vary", b"content-length"})


@dataclass(frozen=True, slots=True)
class Lane:
    """The answers' media type and head, as far as the request's name; who asks, from where."""

    media_type: str
    head: bytes
    client: bytes
    origin: str | None


class Lanes:
    """Finds the lane of a request, and writes its answers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._origins = Origins(settings)
        self._lanes: OrderedDict[tuple[bytes, ...], Lane | None] = OrderedDict()
        self._new_name = _names()

    def find(self, headers: RawHeaders) -> Lane | None:
        """The lane of a POST with these headers; None when it is the endpoint's affair."""
        ways: list[bytes] = []
        for name, value in headers:
            if name in _LANE:
                ways += (name, value)
            elif name in _ELSEWHERE:
                return None
        key = tuple(ways)
        try:
            return self._lanes[key]
        except KeyError:
            pairs = list(zip(ways[::2], ways[1::2], strict=True))
            lane = self._lanes[key] = self._open(Headers(raw=pairs))
            if len(self._lanes) > MOST_LANES:
                self._lanes.popitem(last=False)
            return lane

    def name(self, headers: RawHeaders) -> bytes:
        """The name of a request with these headers: a proxy's or the caller's own, or a new one.

        New ones are of the same shape as those made by `kit.ids`.
        """
        for key, given in headers:
            if key == b"x-request-id":
                return given if fit_for_a_log(given.decode("latin-1")) else self._new_name()
        return self._new_name()

    def _open(self, headers: Headers) -> Lane | None:
        names = headers.keys()
        if len(set(names)) < len(names) or not self._origins.allow(headers):
            return None
        try:
            media_type = answer_type(headers.get("accept"), page=False)
        except BadRequest:
            return None
        if media_type not in {JSON, GRAPHQL_JSON} or not is_json(headers.get("content-type")):
            return None
        head = _head(self._settings, headers, media_type)
        return Lane(media_type, head, client_bytes(headers), headers.get("origin"))


def client_bytes(headers: Headers) -> bytes:
    """What a client calls itself, as a part of how it asks: others may not have its documents."""
    return "\n".join(headers.get(name, "") for name in CLIENT_NAMES).encode("latin-1")


def wire(body: bytes, headers: RawHeaders = ()) -> bytes:
    """What follows the request's name: the rest of the head, and the body."""
    more = [b"\r\n%s: %s" % each for each in headers if each[0] not in _IN_HEAD]
    return b"%s\r\ncontent-length: %d\r\n\r\n%s" % (b"".join(more), len(body), body)


def _head(settings: Settings, headers: Headers, media_type: str) -> bytes:
    """The headers of an answer that is the same for all but its length, body and request's name.

    They are what the endpoint's own answer gets on its way out, through the same middleware.
    """
    started: list[Message] = []

    async def leave(message: Message) -> None:
        started.append(message)

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        await respond_body(b"", media_type)(scope, receive, send)

    app: ASGIApp = endpoint
    for middleware in reversed(edge_middleware(settings)):
        app = middleware.cls(app, *middleware.args, **middleware.kwargs)
    scope = {"type": "http", "method": "POST", "path": PATH.decode(), "headers": headers.raw}
    _at_once(app(scope, nothing, leave))
    shown = [
        b"%s: %s\r\n" % (name, value)
        for name, value in started[0]["headers"]
        if name not in {b"content-length", b"x-request-id"}
    ]
    return b"".join((*shown, b"x-request-id: "))


def _at_once(awaited: Awaitable[None]) -> None:
    """Run what never waits."""
    for _ in awaited.__await__():
        raise AssertionError("middleware waited")


def _names() -> Callable[[], bytes]:
    """Makes names for requests: of one shape with all others, at a tenth of the cost.

    A fresh one lends its beginning to a million others, which count on at its end.
    """
    pairs = [(a + b).encode() for a in ALPHABET for b in ALPHABET]
    most = len(pairs)
    beginning, count = b"", 0

    def name() -> bytes:
        nonlocal beginning, count
        if count % (most * most) == 0:
            beginning = new_id("req")[:-4].encode()
        number = count
        count += 1
        return b"%s%s%s" % (beginning, pairs[number // most % most], pairs[number % most])

    return name
