"""Idempotency keys: the same key with the same request gets the same answer for a day."""

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sandbox.errors import WireError

# https://docs.stripe.com/api/idempotent_requests
KEPT_SECONDS: Final = 24 * 3600
LONGEST_KEY: Final = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with, word for word."""

    status: int
    body: str
    request_id: str
    replayed: bool = False


def fingerprint(method: str, path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """What makes two requests the same one."""
    told = hashlib.sha256(f"{method} {path}".encode())
    for name, value in sorted(pairs):
        for part in (name, value):
            encoded = part.encode(errors="surrogatepass")
            told.update(len(encoded).to_bytes(4, "big") + encoded)
    return told.hexdigest()


def recall(
    db: sqlite3.Connection, *, scope: str, key: str, fingerprint: str, now: int
) -> Answer | None:
    """The answer that this key was given before, None when it is new or was forgotten.

    Raises:
        WireError: the key came with another request before.
    """
    db.execute("DELETE FROM idempotency_keys WHERE created <= ?", (now - KEPT_SECONDS,))
    row = db.execute(
        "SELECT * FROM idempotency_keys WHERE scope = ? AND key = ?", (scope, key)
    ).fetchone()
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise WireError(
            "Keys for idempotent requests can only be used with the same endpoint and parameters"
            f" they were first used with. Try using a key other than '{key}' if you meant to"
            " execute a different request.",
            kind="idempotency_error",
        )
    return Answer(row["status"], row["body"], row["request_id"], replayed=True)


def remember(
    db: sqlite3.Connection, answer: Answer, *, scope: str, key: str, fingerprint: str, now: int
) -> None:
    """Keep an answer under its key, in the transaction that had the effect."""
    db.execute(
        "INSERT INTO idempotency_keys (scope, key, fingerprint, status, body, request_id,"
        " created) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (scope, key, fingerprint, answer.status, answer.body, answer.request_id, now),
    )


def forget_all(db: sqlite3.Connection) -> int:
    """Forget every key, as if a day had passed; how many there were."""
    return db.execute("DELETE FROM idempotency_keys").rowcount
