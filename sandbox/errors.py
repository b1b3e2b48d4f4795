"""What the sandbox refuses, in the shape of Stripe's error bodies."""

from typing import Any


class WireError(Exception):
    """An error answer. The request is undone, and its idempotency key is not remembered."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: Any,  # noqa: ANN401 - an intent, a charge's id, a decline's code
    ) -> None:
        super().__init__(message)
        self.status = status
        error = {"type": kind, "code": code, "message": message, "param": param, **more}
        self.body = {"error": {name: value for name, value in error.items() if value is not None}}


class Refused(WireError):
    """A request that was carried out and came to nothing: a declined card, an ended intent.

    What was written stands, and the idempotency key remembers this answer.
    """


def no_such(kind: str, name: str, *, param: str) -> WireError:
    """Nothing here has that id."""
    return WireError(f"No such {kind}: '{name}'", status=404, code="resource_missing", param=param)
