"""One request of the API on its way through the sandbox."""

import secrets
import sqlite3
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.params import Params

Caller = Literal["secret", "client"]
"""`client`: a storefront, with the publishable key or none, and an intent's client secret."""

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation needs to know; `db` is inside the request's transaction."""

    db: sqlite3.Connection
    caller: Caller
    params: Params
    path: dict[str, str]
    now: int
    base_url: str
    request_id: str
    idempotency_key: str | None
    record: Callable[["Call", str, str, dict[str, Any]], None]

    def tell(self, kind: str, intent_id: str, subject: dict[str, Any]) -> None:
        """Record an event about an object, in this transaction."""
        self.record(self, kind, intent_id, subject)


def fresh_id(prefix: str, chars: int = 24) -> str:
    """An identifier that nobody can guess."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(chars))}"
