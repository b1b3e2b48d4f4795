"""The express lane: a request seen before, byte for byte, is answered before anything is parsed."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import Final, Protocol, TypeAlias

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auth.sessions import Viewer
from graph.http_answers import (
    OVERLOADED_RETRY_MS,
    TELL_CACHE_STATUS,
    overload,
    respond_body,
)
from graph.middleware import edge_middleware
from graph.negotiation import GRAPHQL_JSON, JSON, answer_type, is_json
from graph.public_answers import PublicAnswers
from graph.requests import BadRequest, Origins, credentials_of
from graph.response_cache import Raw
from graph.turnstile import Turnstile
from kit.ids import ALPHABET, new_id
from kit.settings import Settings

RawHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]

AtOnce: TypeAlias = tuple[HTTPStatus, bytes]
"""An answer: its status, and what follows its Date header."""

AnswerAtOnce: TypeAlias = Callable[[RawHeaders, bytes], AtOnce | None]
"""The answer to a POST of this body; None when it takes longer."""

PATH: Final = b"/graphql"
# Refusals that are remembered as bytes: each is one way in which one sold-out deal is asked for.
MOST_REFUSALS: Final = 4_096
MOST_REFUSAL_BYTES: Final = 16 * 1024
# Ways in which clients put their headers. Browsers come in some dozens.
MOST_LANES: Final = 1_024

_MEDIA: Final = frozenset({b"accept", b"content-type"})
_CLIENT: Final = frozenset({b"apollographql-client-name", b"x-client-name"})
_LANE: Final = _MEDIA | _CLIENT | {b"origin", b"host"}
# A document that is named by its hash counts as a query: it is refused a little sooner.
_MUTATION: Final = b"mutation"
# What asks for something that is not answered here.
_ELSEWHERE: Final = frozenset(
    {b"x-request-id", TELL_CACHE_STATUS.encode(), b"expect", b"upgrade", b"content-encoding"}
)


class RefusesAtOnce(Protocol):
    """Whoever knows that a deal is sold out, and how often a buyer may hear it."""

    def refuses_at_once(self, user_id: str, deal_id: str) -> bool:
        """Whether one more attempt of this buyer is refused, from memory alone; counts it."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """What requests with the same headers have in common: the answer's head, and who asks."""

    head: bytes
    client: bytes


@dataclass(frozen=True, slots=True)
class _Refusal:
    deal_id: str
    wire: bytes
    good_until: float


class Express:
    """Answers what it can at once, and leaves the rest to the endpoint. Never waits.

    It knows nothing of GraphQL: which bytes lead to which answer, the endpoint has told it before.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        public: PublicAnswers,
        known_viewer: Callable[[str], Viewer | None],
        carts: RefusesAtOnce,
        turnstile: Turnstile,
        on_hit: Callable[[], None],
        on_refusal: Callable[[str], None],
        on_overload: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._origins = Origins(settings)
        self._public = public
        self._known_viewer = known_viewer
        self._carts = carts
        self._turnstile = turnstile
        self._on_overload = on_overload
        self._on_hit = on_hit
        self._on_refusal = on_refusal
        self._lanes: OrderedDict[tuple[bytes, ...], _Lane | None] = OrderedDict()
        self._refusals: OrderedDict[Raw, _Refusal] = OrderedDict()
        self._names = _names()
        again = f"\r\nretry-after: {ceil(OVERLOADED_RETRY_MS / 1_000)}".encode()
        self._overloaded = again + _wire(overload().to_json())

    def answer(self, headers: RawHeaders, body: bytes) -> AtOnce | None:
        """The answer to a POST of this body; None when others must answer."""
        lane = self._lane(headers)
        if lane is None:
            return None
        raw = (lane.client, body)
        found = self._public.find_raw(raw)
        if found is not None:
            if not found.wire:
                found.wire = _wire(found.body)
            self._on_hit()
            return HTTPStatus.OK, b"".join((lane.head, self._names(), found.wire))
        refusal = self._refusals.get(raw)
        if refusal is not None and self._is_refused(refusal, headers):
            self._on_refusal(refusal.deal_id)
            return HTTPStatus.OK, b"".join((lane.head, self._names(), refusal.wire))
        if not self._turnstile.is_full(for_mutations=_MUTATION in body):
            return None
        self._on_overload()
        refused = b"".join((lane.head, self._names(), self._overloaded))
        return HTTPStatus.SERVICE_UNAVAILABLE, refused

    def remember_refusal(self, raw: Raw, deal_id: str, body: bytes, *, seconds: float) -> None:
        """Have these bytes refused with these while the deal is sold out, whoever sends them."""
        if len(body) + len(raw[1]) > MOST_REFUSAL_BYTES:
            return
        self._refusals[raw] = _Refusal(deal_id, _wire(body), monotonic() + seconds)
        if len(self._refusals) > MOST_REFUSALS:
            self._refusals.popitem(last=False)

    def stock_changed(self, deal_id: str, epoch: int, version: int, available: int) -> None:
        """Whether the deal is sold out is asked each time."""

    def deal_changed(self, deal_id: str) -> None:
        """Forget how this deal is refused: it may be paused, or its limit another."""
        for raw in [raw for raw, each in self._refusals.items() if each.deal_id == deal_id]:
            del self._refusals[raw]

    def product_changed(self, product_id: str) -> None:
        """No refusal tells of products."""

    def forget_all(self) -> None:
        """Forget all refusals: changes of deals may have been missed."""
        self._refusals.clear()

    def _is_refused(self, refusal: _Refusal, headers: RawHeaders) -> bool:
        if refusal.good_until <= monotonic():
            return False
        token = credentials_of(Headers(raw=list(headers))).token
        viewer = None if token is None else self._known_viewer(token)
        return viewer is not None and self._carts.refuses_at_once(viewer.user_id, refusal.deal_id)

    def _lane(self, headers: RawHeaders) -> _Lane | None:
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
            lane = self._lanes[key] = self._open_lane(Headers(raw=_pairs(ways)))
            if len(self._lanes) > MOST_LANES:
                self._lanes.popitem(last=False)
            return lane

    def _open_lane(self, headers: Headers) -> _Lane | None:
        """The lane of these headers; None when the endpoint would not simply answer them."""
        names = headers.keys()
        if len(set(names)) < len(names) or not self._origins.allow(headers):
            return None
        try:
            media_type = answer_type(headers.get("accept"), page=False)
        except BadRequest:
            return None
        if media_type not in {JSON, GRAPHQL_JSON} or not is_json(headers.get("content-type")):
            return None
        return _Lane(_head(self._settings, headers, media_type), client_bytes(headers))


def client_bytes(headers: Headers) -> bytes:
    """What a client calls itself, as a part of how it asks: others may not have its documents."""
    return "\n".join(headers.get(name.decode(), "") for name in sorted(_CLIENT)).encode("latin-1")


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


def _wire(body: bytes) -> bytes:
    """What follows the request's name: the end of the head, and the body."""
    return b"\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def _pairs(ways: list[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(ways[::2], ways[1::2], strict=True))


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
