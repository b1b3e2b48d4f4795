"""Errors as clients see them: a code each, and no word about our insides."""

from collections.abc import Iterable
from typing import Any, Final

import structlog
from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from admission.errors import RateLimited
from auth.errors import HashingBusy, Unauthenticated
from graph.context import STORE_AWAY, ApiError, Code
from orders.errors import OUT_OF_REACH, InvalidInput, NotFound, TryLater

log = structlog.get_logger()

STORE_AWAY_MS: Final = 1_000
TOO_OFTEN: Final = "Too many attempts. Wait a little before the next one."
MASKED: Final = "Something went wrong on our side. Tell us the requestId."

# An answer with one of these among its errors has this HTTP status, whatever else is in it.
REFUSED_STATUS: Final[dict[str, int]] = {"RATE_LIMITED": 429, "OVERLOADED": 503}


def present_errors(errors: Iterable[GraphQLError], *, request_id: str) -> list[dict[str, Any]]:
    """The `errors` entry of an answer. What nobody foresaw is masked, and logged with its trace."""
    return [_present(error, request_id) for error in errors]


def plain_error(code: Code, message: str, **details: object) -> dict[str, Any]:
    """One error that belongs to no place in a document."""
    return {"message": message, "extensions": {"code": code, **details}}


def retry_after_ms(errors: Iterable[dict[str, Any]]) -> int:
    """How long the client should wait, the longest of all that the errors ask for."""
    return max((error["extensions"].get("retryAfterMs", 0) for error in errors), default=0)


def _present(error: GraphQLError, request_id: str) -> dict[str, Any]:
    known = _told_as_it_is(error)
    if known is None:
        cause = error.original_error or error
        log.error(
            "internal_error",
            request_id=request_id,
            path=error.path,
            error=repr(cause),
            exc_info=(type(cause), cause, cause.__traceback__),
        )
        known = ApiError("INTERNAL", MASKED, requestId=request_id)
    shown = plain_error(known.code, known.message, **known.details)
    if error.locations:
        shown["locations"] = [place.formatted for place in error.locations]
    if error.path:
        shown["path"] = error.path
    return shown


def _told_as_it_is(error: GraphQLError) -> ApiError | None:
    """What the client may read of an error, or None when it is our own mistake."""
    told: ApiError | None = None
    match cause := error.original_error:
        case ApiError():
            told = cause
        case Unauthenticated():
            told = ApiError("UNAUTHENTICATED", str(cause))
        case RateLimited():
            told = ApiError("RATE_LIMITED", TOO_OFTEN, retryAfterMs=cause.retry_after_ms)
        case HashingBusy() | TryLater():
            told = ApiError("OVERLOADED", str(cause), retryAfterMs=cause.retry_after_ms)
        case _ if isinstance(cause, OUT_OF_REACH):
            log.warning("store_out_of_reach", path=error.path, error=repr(cause))
            told = ApiError("OVERLOADED", STORE_AWAY, retryAfterMs=STORE_AWAY_MS)
        case NotFound():
            told = ApiError("NOT_FOUND", str(cause))
        case InvalidInput():
            told = ApiError("BAD_USER_INPUT", str(cause), field=cause.field)
        case CannotGetOperationTypeError() | InvalidOperationTypeError():
            told = ApiError("BAD_USER_INPUT", error.message)
        case _ if _document_is_at_fault(error):
            code = (error.extensions or {}).get("code", "BAD_USER_INPUT")
            told = ApiError(code, error.message)
    return told


def _document_is_at_fault(error: GraphQLError) -> bool:
    """Whether syntax, validation or variables were refused, before anything was executed.

    A scalar that refuses a variable leaves its exception in the error, but no path; a mistake of
    ours has a path, or no place in the document. An argument may be found missing as late as in
    execution, when a variable for it was left out.
    """
    cause = error.original_error
    if error.path is None:
        return cause is None or bool(error.nodes)
    return isinstance(cause, GraphQLError) and error.message.startswith("Argument ")
