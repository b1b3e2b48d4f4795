"""What a field may know of the request it answers; the one file of graph/ that fields import."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import strawberry

from auth.errors import Unauthenticated
from auth.sessions import Viewer

if TYPE_CHECKING:
    from loaders.loaders import Loaders
    from runtime.resources import Resources
    from subscriptions.hub import Hub

Code = Literal[
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "NOT_FOUND",
    "RATE_LIMITED",
    "BAD_USER_INPUT",
    "QUERY_TOO_COMPLEX",
    "OVERLOADED",
    "INTERNAL",
    # The words of Apollo's clients for documents that are named by their hash; urql knows them too.
    "PERSISTED_QUERY_NOT_FOUND",
    "PERSISTED_QUERY_NOT_SUPPORTED",
    "DOCUMENT_NOT_TRUSTED",
]
Scope = Literal["sign_in", "cart", "order"]

Shared = Literal["EVERYBODY", "SESSION"]

SHARED: Final = "shared"
"""The entry of a subscription field's metadata that says among whom one execution is shared."""

CATALOGUE: Final = "catalogue"
"""What every list of deals depends on: it changes with the terms of any deal."""

OPERATOR: Final = "OPERATOR"
STORE_AWAY: Final = "Something we need is out of reach. Please send the same request again."


class ApiError(Exception):
    """A top-level GraphQL error whose code, message and details the client sees as they are.

    A refusal that a buyer meets in normal use is a member of the result's union instead.
    """

    def __init__(self, code: Code, message: str, **details: object) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.details = details


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is known of a request before anything is looked up.

    `token` is what was presented, valid or not; None when nothing was. `origin` is the page's
    that sent it, None for programs. `secure` says that it came over TLS. `client` is what the
    program calls itself, which anybody may claim.
    """

    request_id: str
    token: str | None
    address: str
    origin: str | None
    secure: bool
    client: str | None = None


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """What the answer does to the browser's cookie: a token to keep, or None to forget it."""

    token: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """What a pushed result is about, and its place among all that is pushed about the same.

    `repeats` says whether a result that equals the one before it is worth telling.
    """

    key: str
    order: tuple[int, ...]
    repeats: bool = True


class Sources:
    """What an answer was made of, which says how long it stays true, and for whom."""

    __slots__ = ("personal", "tags", "valid_until")

    def __init__(self) -> None:
        self.tags: set[str] = set()
        self.valid_until: datetime | None = None
        self.personal = False


class Context:
    """One operation's context, never shared with another: its loaders remember what they read.

    `began_at` is when its execution began, on the monotonic clock; until then it waits its turn.
    Identical subscriptions are one operation. `present_only` asks a subscription for the present
    state alone: somebody joined those who follow already, and it must end where it would wait.
    """

    def __init__(
        self, *, resources: "Resources", hub: "Hub", loaders: "Loaders", request: RequestFacts
    ) -> None:
        self.resources = resources
        self.hub = hub
        self.loaders = loaders
        self.request = request
        self.operation_type = "unknown"
        self.cookie: SessionCookie | None = None
        self.present_only = False
        self.event: Event | None = None
        self.sources = Sources()
        self.sold_out: str | None = None
        self.began_at: float | None = None
        self._viewer: Viewer | None = None

    async def viewer(self) -> Viewer:
        """Who is signed in. Only fields that ask look the session up.

        Raises:
            ApiError: UNAUTHENTICATED; the token is missing, malformed, unknown, expired or revoked.
        """
        viewer = await self.viewer_or_none()
        if viewer is None:
            raise ApiError("UNAUTHENTICATED", "Sign in first.")
        return viewer

    async def viewer_or_none(self) -> Viewer | None:
        """Who is signed in, or None; a token that opens no session signs nobody in."""
        self.sources.personal = True
        if self._viewer is None and self.request.token is not None:
            try:
                self._viewer = await self.resources.sessions.viewer(self.request.token)
            except Unauthenticated:
                return None
        return self._viewer

    async def operator(self) -> Viewer:
        """Who is signed in, when that is an operator.

        Raises:
            ApiError: UNAUTHENTICATED, or FORBIDDEN to everybody else.
        """
        viewer = await self.viewer()
        if viewer.role != OPERATOR:
            raise ApiError("FORBIDDEN", "Only operators may do this.")
        return viewer

    async def admit(self, scope: Scope, *, buyer: str | None = None, cost: int = 1) -> None:
        """Count one attempt of this buyer (strict) and of this address (loose).

        Raises:
            admission.errors.RateLimited: becomes RATE_LIMITED; a refused attempt is not counted.
        """
        await self.resources.limiter.admit(
            scope, buyer=buyer, address=self.request.address, cost=cost
        )

    def tell_of(
        self, key: str, order: tuple[int, ...] | None = None, *, repeats: bool = True
    ) -> None:
        """Say what the result is about that a subscription yields next.

        Of two results about one key the higher order is the newer state. Without an order, it is
        the moment of this call: say it before the state is read, so that a read that began later
        never counts as older. It may have been served earlier all the same, so that whoever has no
        better order yields after every change; `repeats=False` keeps equal results from those who
        all know them.
        """
        self.event = Event(key, order or (time.monotonic_ns(),), repeats)

    def depends_on(self, *tags: str) -> None:
        """Say what the answer was read from.

        It is `deal:<id>` for a deal's terms, `stock:<id>` for its stock, `product:<id>`, or
        `CATALOGUE` for any list of deals.
        """
        self.sources.tags.update(tags)

    def valid_until(self, moment: datetime) -> None:
        """Say when time alone makes the answer another one: a deal opens or ends, a second ends."""
        known = self.sources.valid_until
        if known is None or moment < known:
            self.sources.valid_until = moment

    def refused_as_sold_out(self, deal_id: str, until: datetime) -> None:
        """Say that anybody would have been refused the same until then: the deal is sold out."""
        self.sold_out = deal_id
        self.valid_until(until)

    def sign_in_browser(self, token: str, expires_at: datetime) -> None:
        """Give the session to a browser as its cookie; programs keep their tokens themselves."""
        if self.request.origin is not None:
            self.cookie = SessionCookie(token, expires_at)

    def sign_out_browser(self) -> None:
        """Have a browser forget its cookie."""
        if self.request.origin is not None:
            self.cookie = SessionCookie(None, None)


Info: TypeAlias = strawberry.Info[Context, None]
