"""The express lane: a request seen before, byte for byte, is answered before anything is parsed."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import Final, Protocol, TypeAlias

from starlette.datastructures import Headers

from auth.sessions import Viewer
from graph.http_answers import OVERLOADED_RETRY_MS, overload
from graph.lanes import Lane, Lanes, RawHeaders, wire
from graph.public_answers import PublicAnswers
from graph.requests import credentials_of
from graph.response_cache import Raw
from graph.turnstile import Turnstile

AtOnce: TypeAlias = tuple[HTTPStatus, bytes]
"""An answer: its status, and what follows its Date header."""

# Refusals that are remembered as bytes: each is one way in which one sold-out deal is asked for.
MOST_REFUSALS: Final = 4_096
MOST_REFUSAL_BYTES: Final = 16 * 1024
# A document that is named by its hash counts as a query: it is refused a little sooner.
_MUTATION: Final = b"mutation"


class RefusesAtOnce(Protocol):
    """Whoever knows that a deal is sold out, and how often a buyer may hear it."""

    def refuses_at_once(self, user_id: str, deal_id: str) -> bool:
        """Whether one more attempt of this buyer is refused, from memory alone; counts it."""


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
        lanes: Lanes,
        *,
        public: PublicAnswers,
        known_viewer: Callable[[str], Viewer | None],
        carts: RefusesAtOnce,
        turnstile: Turnstile,
        on_hit: Callable[[], None],
        on_refusal: Callable[[str], None],
        on_overload: Callable[[], None],
    ) -> None:
        self._lanes = lanes
        self._public = public
        self._known_viewer = known_viewer
        self._carts = carts
        self._turnstile = turnstile
        self._on_overload = on_overload
        self._on_hit = on_hit
        self._on_refusal = on_refusal
        self._refusals: OrderedDict[Raw, _Refusal] = OrderedDict()
        again = str(ceil(OVERLOADED_RETRY_MS / 1_000)).encode()
        self._overloaded = wire(overload().to_json(), [(b"retry-after", again)])

    def answer(self, lane: Lane, headers: RawHeaders, body: bytes) -> AtOnce | None:
        """The answer to a POST of this body in its lane; None when others must answer."""
        raw = (lane.client, body)
        found = self._public.find_raw(raw)
        if found is not None:
            if not found.wire:
                found.wire = wire(found.body)
            self._on_hit()
            return HTTPStatus.OK, b"".join((lane.head, self._lanes.name(headers), found.wire))
        refusal = self._refusals.get(raw)
        if refusal is not None and self._is_refused(refusal, headers):
            self._on_refusal(refusal.deal_id)
            return HTTPStatus.OK, b"".join((lane.head, self._lanes.name(headers), refusal.wire))
        if not self._turnstile.is_full(for_mutations=_MUTATION in body):
            return None
        self._on_overload()
        refused = b"".join((lane.head, self._lanes.name(headers), self._overloaded))
        return HTTPStatus.SERVICE_UNAVAILABLE, refused

    def remember_refusal(self, raw: Raw, deal_id: str, body: bytes, *, seconds: float) -> None:
        """Have these bytes refused with these while the deal is sold out, whoever sends them."""
        if len(body) + len(raw[1]) > MOST_REFUSAL_BYTES:
            return
        self._refusals[raw] = _Refusal(deal_id, wire(body), monotonic() + seconds)
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
