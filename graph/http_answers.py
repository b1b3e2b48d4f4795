"""Answers as HTTP responses: status, media type, and what caches may do with them."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic
from typing import Final

from starlette.responses import Response
from strawberry.types.graphql import OperationType

from graph.answers import Answer, plain_answer
from graph.http_caching import PERSONAL, answer_get, entity_tag
from graph.negotiation import EVENT_STREAM, GRAPHQL_JSON, JSON
from graph.requests import BadRequest
from graph.response_cache import CachedAnswer

OVERLOADED_RETRY_MS: Final = 1_000
TELL_CACHE_STATUS: Final = "tell-cache-status"
"""The header of a request that wants to be told whether its answer came from memory."""

_NO_STORE: Final = "no-store"


def respond(answer: Answer, media_type: str, *, method: str = "POST") -> Response:
    """An answer of this request alone."""
    status = answer.refused_status
    if status is None:
        status = 400 if media_type == GRAPHQL_JSON and not answer.executed else 200
    headers = {"Cache-Control": PERSONAL if method == "GET" else _NO_STORE, "Vary": "Accept"}
    if answer.retry_after_seconds is not None:
        headers["Retry-After"] = str(answer.retry_after_seconds)
    return _json(answer.to_json(), status, headers, media_type)


def respond_kept(
    answer: CachedAnswer, media_type: str, *, method: str, if_none_match: str | None
) -> Response:
    """An answer that is everybody's: caches may keep it when it was asked for by GET."""
    if method != "GET":
        return respond_body(answer.body, media_type)
    if not answer.etag:
        answer.etag = entity_tag(answer.body)
    forever = answer.true_until == math.inf
    told = answer_get(
        answer.body,
        public=True,
        fresh_for=math.inf if forever else max(0.0, answer.true_until - monotonic()),
        if_none_match=if_none_match,
        etag=answer.etag,
    )
    if told.status == HTTPStatus.NOT_MODIFIED:
        return Response(status_code=told.status, headers=told.headers)
    return _json(told.body, told.status, told.headers, media_type)


def respond_body(body: bytes, media_type: str) -> Response:
    """The bytes of an answer that went well, to a POST."""
    return _json(body, 200, {"Cache-Control": _NO_STORE, "Vary": "Accept"}, media_type)


def overloaded(media_type: str) -> Response:
    """Too much is under way: what was asked is refused at once, and nothing was done."""
    return respond(overload(), media_type)


def overload() -> Answer:
    """The same as an answer; nothing of the operation was executed."""
    return plain_answer(
        "OVERLOADED", "Too much at once. Try again.", retryAfterMs=OVERLOADED_RETRY_MS
    )


def refusal(refused: BadRequest, media_type: str, *, method: str) -> Response:
    """A request that was refused before anything was executed."""
    shown = media_type if media_type in {JSON, GRAPHQL_JSON} else JSON
    # A refusal may be 200 where the client expects that of all answers, and nowhere else.
    status = refused.status
    if status == HTTPStatus.OK and media_type != JSON:
        status = HTTPStatus.BAD_REQUEST
    kept = PERSONAL if method == "GET" else _NO_STORE
    headers = {"Cache-Control": kept, "Vary": "Accept", **refused.headers}
    body = plain_answer(refused.code, refused.message).to_json()
    return _json(body, status, headers, shown)


def wrong_transport(operation_type: OperationType) -> BadRequest:
    """An operation that cannot be answered the way it was asked."""
    if operation_type is OperationType.MUTATION:
        return BadRequest("Mutations need POST.", status=405, headers={"Allow": "POST"})
    return BadRequest(f"Subscriptions need a WebSocket, or Accept: {EVENT_STREAM}.")


def _json(body: bytes, status: int, headers: Mapping[str, str], media_type: str) -> Response:
    return Response(
        body,
        status_code=status,
        headers=headers,
        media_type=f"{media_type}; charset=utf-8",
    )
