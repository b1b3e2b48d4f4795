"""Results of execution in the form in which clients get them, over every transport."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from graphql import GraphQLError
from strawberry.types import ExecutionResult

from graph.context import Code, Context, RequestFacts
from graph.errors import REFUSED_STATUS, plain_error, present_errors, retry_after_ms
from graph.metrics import Metrics

MakeContext: TypeAlias = Callable[[RequestFacts], Context]
"""Makes a context with fresh loaders for one operation."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One result. `executed` is False when the request was refused before execution."""

    body: dict[str, Any]
    executed: bool

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors as clients see them; none when all went well."""
        errors: list[dict[str, Any]] = self.body.get("errors", [])
        return errors

    @property
    def refused_status(self) -> int | None:
        """The HTTP status of a refusal that has one of its own."""
        codes = [error["extensions"]["code"] for error in self.errors]
        if not self.executed and "INTERNAL" in codes:
            return 500
        return next((REFUSED_STATUS[code] for code in codes if code in REFUSED_STATUS), None)

    @property
    def retry_after_seconds(self) -> int | None:
        """Whole seconds for a Retry-After header, rounded up."""
        wait_ms = retry_after_ms(self.errors)
        return math.ceil(wait_ms / 1000) if wait_ms > 0 else None

    def to_json(self) -> bytes:
        """The body in UTF-8."""
        return orjson.dumps(self.body)


def present(result: ExecutionResult, *, request_id: str, metrics: Metrics) -> Answer:
    """An execution's result. `data` is left out when nothing was executed, as the spec asks."""
    errors = result.errors or []
    executed = result.data is not None or any(error.path for error in errors)
    body: dict[str, Any] = {}
    if errors:
        body["errors"] = present_errors(errors, request_id=request_id)
        for error in body["errors"]:
            metrics.refused(error["extensions"]["code"])
    if executed:
        body["data"] = result.data
    if result.extensions:
        body["extensions"] = result.extensions
    return Answer(body, executed)


def present_refusal(error: Exception, *, request_id: str, metrics: Metrics) -> Answer:
    """An exception that ended an operation: a document that was refused, or our own mistake."""
    refusal = error if isinstance(error, GraphQLError) else GraphQLError("", original_error=error)
    result = ExecutionResult(data=None, errors=[refusal])
    return present(result, request_id=request_id, metrics=metrics)


def plain_answer(code: Code, message: str, **details: object) -> Answer:
    """The answer to a request of which nothing was executed."""
    return Answer({"errors": [plain_error(code, message, **details)]}, executed=False)
