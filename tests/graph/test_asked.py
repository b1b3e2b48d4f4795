"""What a request may say of its document, and what is told of a wrong shape."""

from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from graph.remembered import sha256_of
from graph.requests import Asked, BadRequest, read_asked, read_query_string

HELLO = "{ hello }"
HASH = sha256_of(HELLO)
APOLLO = "extensions.persistedQuery"
LENGTH = "must be a string of 1 to 256 characters."


def apollo(sha256: object = HASH, version: object = 1, **more: object) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": sha256, **more}}


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({"query": HELLO}, Asked(HELLO, None, None, None, None)),
        ({"extensions": apollo()}, Asked(None, HASH, 1, None, None)),
        # urql says that it was told of a miss before.
        ({"query": HELLO, "extensions": apollo(miss=True)}, Asked(HELLO, HASH, 1, None, None)),
        ({"query": "", "extensions": apollo()}, Asked(None, HASH, 1, None, None)),
        ({"query": None, "documentId": HASH}, Asked(None, HASH, None, None, None)),
        ({"documentId": f"sha256:{HASH}"}, Asked(None, HASH, None, None, None)),
        (
            {"documentId": f"sha256:{HASH}", "extensions": apollo()},
            Asked(None, HASH, 1, None, None),
        ),
        ({"documentId": "Deals", "operationName": "D"}, Asked(None, "Deals", None, None, "D")),
        (
            {"query": HELLO, "extensions": {"persistedQuery": None}},
            Asked(HELLO, None, None, None, None),
        ),
    ],
)
def test_a_document_is_sent_or_named_or_both(body: dict[str, Any], asked: Asked) -> None:
    assert read_asked(body) == asked
    query = {
        key: orjson.dumps(value).decode() if isinstance(value, dict) else value
        for key, value in body.items()
        if value is not None
    }
    assert read_query_string(urlencode(query).encode()) == asked


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "query must be a GraphQL document."),
        ({"query": " ", "documentId": HASH}, "query must be a GraphQL document."),
        ({"query": 1, "documentId": HASH}, "query must be a GraphQL document."),
        ({"documentId": ""}, f"documentId {LENGTH}"),
        ({"documentId": 7}, f"documentId {LENGTH}"),
        ({"documentId": "x" * 257}, f"documentId {LENGTH}"),
        ({"extensions": {"persistedQuery": HASH}}, f"{APOLLO} must be an object."),
        (
            {"extensions": {"persistedQuery": {"sha256Hash": HASH}}},
            f"{APOLLO}.version must be a number.",
        ),
        ({"extensions": apollo(version="1")}, f"{APOLLO}.version must be a number."),
        ({"extensions": apollo(version=True)}, f"{APOLLO}.version must be a number."),
        ({"extensions": apollo(sha256=None)}, f"{APOLLO}.sha256Hash {LENGTH}"),
        (
            {"documentId": "Deals", "extensions": apollo()},
            f"documentId and {APOLLO} name different documents.",
        ),
    ],
)
def test_a_wrong_shape_is_told_by_its_name(body: dict[str, Any], told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_asked(body)
    assert (refused.value.message, refused.value.status) == (told, 400)
