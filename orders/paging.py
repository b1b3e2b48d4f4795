"""Keyset pages: a cursor names the last row seen, signed so that nobody forges one."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

import orjson

T = TypeVar("T")

MAX_PAGE = 100
_SIGNATURE_BYTES = 8


class BadCursor(ValueError):
    """The cursor was not made here, or belongs to another list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list and a cursor for each of its items."""

    items: list[T]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool


class LazyCursors(Sequence[str]):
    """The cursors of a page, each signed when it is asked for: most never are."""

    def __init__(self, length: int, write: Callable[[int], str]) -> None:
        self._places = range(length)
        self._write = write

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self._write(each) for each in self._places[place]]
        return self._write(self._places[place])


class Cursors:
    """Writes and reads the cursors of one deployment."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.blake2b(secret.encode(), digest_size=32).digest()

    def write(self, list_name: str, *values: str | int) -> str:
        """A cursor behind the row that has these sort values in the list of that name."""
        body = orjson.dumps([list_name, *values])
        return base64.urlsafe_b64encode(self._sign(body) + body).rstrip(b"=").decode()

    def read(self, list_name: str, cursor: str) -> list[str | int]:
        """The sort values that `write` was given.

        Raises:
            BadCursor: it is forged, damaged, or of another list.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadCursor("This cursor was not made here.") from None
        signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(body)):
            raise BadCursor("This cursor was not made here.")
        name, *values = orjson.loads(body)
        if name != list_name:
            raise BadCursor("This cursor belongs to another list.")
        return list(values)

    def _sign(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, key=self._key, digest_size=_SIGNATURE_BYTES).digest()
