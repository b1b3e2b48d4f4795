"""What an answer to GET says of itself to the caches between us and the client."""

import hashlib
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

# Stock changes all the time: whoever keeps an answer longer shows what was sold long ago.
MOST_FRESH_SECONDS: Final = 1
# While a cache fetches it anew it may tell the old one, so that nobody waits (RFC 5861, section 3).
MOST_STALE_SECONDS: Final = 1

PERSONAL: Final = "private, no-store"
"""For what is one viewer's alone, and for errors: the next attempt may go well."""

# RFC 9110, section 8.8.3. A comma may stand in a tag, so that splitting a list at commas is wrong.
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer to GET as it leaves: 200 with its body, or 304 for a client that has it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    """Without Content-Type, which 304 has not. `Vary: Origin` is added by the CORS middleware."""


def answer_get(
    body: bytes,
    *,
    public: bool,
    fresh_for: float,
    if_none_match: str | None,
    etag: str | None = None,
) -> Kept:
    """The answer to a GET whose execution gave these bytes and no errors that clients may retry.

    `fresh_for` is in seconds: when time alone makes it another answer, as when a deal opens;
    infinity when it does not. `etag` spares the work for a body whose tag is known.
    """
    if not public:
        return Kept(HTTPStatus.OK, body, {"Cache-Control": PERSONAL, "Vary": "Accept"})
    etag = etag or entity_tag(body)
    headers = {"ETag": etag, "Cache-Control": cache_control(fresh_for), "Vary": "Accept"}
    if matches(if_none_match, etag):
        return Kept(HTTPStatus.NOT_MODIFIED, b"", headers)
    return Kept(HTTPStatus.OK, body, headers)


def entity_tag(body: bytes) -> str:
    """A strong tag: the same for the same bytes in every process, and for no others."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names this tag; weak forms do, too (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return etag in _TAG.findall(if_none_match)


def cache_control(fresh_for: float) -> str:
    """How long caches may tell a public answer, in whole seconds that end within `fresh_for`."""
    most = MOST_FRESH_SECONDS + MOST_STALE_SECONDS
    seconds = int(min(max(fresh_for, 0.0), most))
    fresh = min(seconds, MOST_FRESH_SECONDS)
    stale = seconds - fresh
    return f"public, max-age={fresh}" + (f", stale-while-revalidate={stale}" if stale else "")
