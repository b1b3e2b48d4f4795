"""Opaque identifiers, prefixed by kind and ordered by time: deal_01jd3v..."""

import re
from typing import Literal, get_args

import uuid_utils

Kind = Literal["deal", "stk", "prod", "usr", "chk", "ord", "req"]

# Crockford's base32 in lower case: no i, l, o, u, so that nobody misreads an id on the telephone.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26  # 128 bits in groups of five
_SHAPE = re.compile(rf"\A({'|'.join(get_args(Kind))})_([0-7][{ALPHABET}]{{{_LENGTH - 1}}})\Z")


def new_id(kind: Kind) -> str:
    """A fresh identifier whose order is the order of creation (UUID version 7, RFC 9562)."""
    return f"{kind}_{_encode(uuid_utils.uuid7().int)}"


def is_id(kind: Kind, text: str) -> bool:
    """Whether `text` has the shape of an identifier of this kind. Never raises."""
    found = _SHAPE.match(text)
    return found is not None and found.group(1) == kind


def kind_of(text: str) -> str | None:
    """The kind an identifier names, or None when it has no identifier's shape."""
    found = _SHAPE.match(text)
    return found.group(1) if found else None


def sibling(kind: Kind, text: str) -> str:
    """The identifier of another kind with the same suffix: a deal's stock, a checkout's order."""
    return f"{kind}_{text.partition('_')[2]}"


def _encode(number: int) -> str:
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
