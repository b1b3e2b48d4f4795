"""What a request says: who sent it, from where, and which operation it asks for."""

import asyncio
import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.requests import cookie_parser
from starlette.types import Receive, Scope

from auth.cookie import SESSION_COOKIE
from graph.context import Code, RequestFacts
from kit.ids import new_id
from kit.settings import Settings

# Whoever sends 64 KiB more slowly than this keeps a connection busy, on purpose or not.
BODY_SECONDS: Final = 30.0
# A client that is still sending cannot read why it was refused: so much is read and thrown away.
DISCARDED_BYTES: Final = 16 * 1024 * 1024
# A hash has at most 64 characters; registered documents may have names.
MOST_ID_LENGTH: Final = 256
SHA256_PREFIX: Final = "sha256:"
CLIENT_NAMES: Final = ("apollographql-client-name", "x-client-name")
"""The headers in which a program may say what it calls itself; the first counts."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class BadRequest(Exception):
    """A request that is refused before any of it is executed, with its HTTP status."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: Code = "BAD_USER_INPUT",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code: Code = code
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Operation:
    """What is to be executed; shapes are checked, the document is not."""

    query: str
    variables: dict[str, Any] | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, its shapes checked: a document's text, its name, or both.

    `version` is that of Apollo's extension, by which the document is named then; None without it.
    """

    query: str | None
    document_id: str | None
    version: int | None
    variables: dict[str, Any] | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """The token a request presents. `explicit` when a program chose to send it: no cookie did."""

    token: str | None
    explicit: bool


def request_id_of(scope: Scope) -> str:
    """The name of this request in answers and logs: the caller's, where it is fit for a log."""
    known: str | None = scope.get("request_id")
    if known is None:
        given = Headers(scope=scope).get("x-request-id", "")
        known = given if fit_for_a_log(given) else new_id("req")
        scope["request_id"] = known
    return known


def fit_for_a_log(given: str) -> bool:
    """Whether a request may have the name that its caller gave it."""
    return _REQUEST_ID.fullmatch(given) is not None


def credentials_of(headers: Headers) -> Credentials:
    """The bearer token, else the cookie's; never one from the address."""
    authorization = headers.get("authorization")
    if authorization is not None:
        return Credentials(bearer_token(authorization), explicit=True)
    return Credentials(cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE), explicit=False)


def bearer_token(authorization: str) -> str:
    """The token of an Authorization header; empty, which opens nothing, for other schemes."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def facts_of(scope: Scope, headers: Headers, token: str | None) -> RequestFacts:
    """The facts of a request over HTTP or of a socket's handshake."""
    return RequestFacts(
        request_id=request_id_of(scope),
        token=token,
        address=address_of(scope.get("client")),
        origin=headers.get("origin"),
        secure=scope["scheme"] in {"https", "wss"},
        client=client_of(headers),
    )


def client_of(headers: Headers) -> str | None:
    """What the program that asks calls itself: Apollo's header for it, or a plainer one."""
    return next((name for each in CLIENT_NAMES if (name := headers.get(each))), None)


class Origins:
    """Which pages may call: those of the settings and our own. Programs send no Origin."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = frozenset(settings.public_origins)
        if settings.public_url:
            self._allowed |= {"{0.scheme}://{0.netloc}".format(urlsplit(settings.public_url))}

    def allow(self, headers: Headers) -> bool:
        """Whether the page that sent these headers, if a page did, may call us."""
        origin = headers.get("origin")
        if origin is None or origin in self._allowed:
            return True
        scheme, _, host = origin.partition("://")
        return scheme in {"http", "https"} and host == headers.get("host", "").lower()


async def read_body(headers: Headers, receive: Receive, *, most_bytes: int) -> bytes:
    """The body, while it is not too long.

    Raises:
        BadRequest: 413, 408, or 400 when the client went away.
    """
    too_long = BadRequest(f"At most {most_bytes} bytes.", status=413)
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > DISCARDED_BYTES:
        raise too_long
    chunks: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest("The body ended early.")
                chunk: bytes = message.get("body", b"")
                length += len(chunk)
                if length <= most_bytes:
                    chunks.append(chunk)
                elif length > DISCARDED_BYTES:
                    raise too_long
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise BadRequest("The body took too long.", status=408) from None
    if length > most_bytes:
        raise too_long
    return b"".join(chunks)


def read_json(raw: bytes | str) -> object:
    """JSON, nested no deeper than orjson reads it (1,024 levels).

    Raises:
        BadRequest: it is not JSON.
    """
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Not JSON: {error.msg}.") from None
    return value


def read_asked(asked: object) -> Asked:
    """What a JSON object asks for; entries that nobody knows are left alone.

    Raises:
        BadRequest: saying which entry has the wrong shape.
    """
    if isinstance(asked, list):
        raise BadRequest("One operation at a time: send an object, not an array.")
    if not isinstance(asked, dict):
        raise BadRequest("Send a JSON object with a query.")
    query, variables, name = asked.get("query"), asked.get("variables"), asked.get("operationName")
    if not isinstance(variables, dict | None):
        raise BadRequest("variables must be an object.")
    if not isinstance(name, str | None):
        raise BadRequest("operationName must be a string.")
    extensions = asked.get("extensions")
    if not isinstance(extensions, dict | None):
        raise BadRequest("extensions must be an object.")
    document_id, version = _named_document(asked.get("documentId"), extensions or {})
    if document_id is not None and query in {None, ""}:
        return Asked(None, document_id, version, variables, name)
    if not isinstance(query, str) or not query.strip():
        raise BadRequest("query must be a GraphQL document.")
    return Asked(query, document_id, version, variables, name)


def read_query_string(raw: bytes) -> Asked:
    """What a GET request asks for.

    Raises:
        BadRequest: saying which parameter is wrong.
    """
    asked: dict[str, object] = dict(QueryParams(raw))
    for entry in ("variables", "extensions"):
        if isinstance(text := asked.get(entry), str):
            asked[entry] = read_json(text) if text else None
    return read_asked(asked)


def _named_document(
    document_id: object, extensions: dict[str, object]
) -> tuple[str | None, int | None]:
    """What names the document, if anything does, and the version of the extension that did."""
    persisted = extensions.get("persistedQuery")
    plain = None if document_id is None else _document_id(document_id, "documentId")
    if persisted is None:
        return plain, None
    hashed, version = _persisted_query(persisted)
    if plain not in {None, hashed}:
        raise BadRequest("documentId and extensions.persistedQuery name different documents.")
    return hashed, version


def _persisted_query(asked: object) -> tuple[str, int]:
    """The hash and the version that Apollo's extension names."""
    if not isinstance(asked, dict):
        raise BadRequest("extensions.persistedQuery must be an object.")
    version = asked.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise BadRequest("extensions.persistedQuery.version must be a number.")
    return _document_id(asked.get("sha256Hash"), "extensions.persistedQuery.sha256Hash"), version


def _document_id(given: object, entry: str) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= MOST_ID_LENGTH:
        raise BadRequest(f"{entry} must be a string of 1 to {MOST_ID_LENGTH} characters.")
    return given.removeprefix(SHA256_PREFIX)


def address_of(client: tuple[str, int] | None) -> str:
    """Whom to count attempts against: an IPv6 customer has a whole /64 to send from."""
    if client is None:
        return "unknown"
    host = client[0]
    if ":" not in host:
        return host
    try:
        return str(ipaddress.ip_network(f"{host}/64", strict=False))
    except ValueError:
        return host
