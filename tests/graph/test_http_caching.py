"""Tags and lifetimes of answers to GET."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.http_caching import Kept, answer_get, cache_control, entity_tag, matches

BODY = b'{"data":{"hello":"hello you"}}'
ETAG = entity_tag(BODY)


def kept(*, public: bool = True, if_none_match: str | None = None) -> Kept:
    return answer_get(BODY, public=public, fresh_for=math.inf, if_none_match=if_none_match)


def test_a_public_answer_may_be_kept_for_a_second_and_told_for_one_more() -> None:
    assert kept() == Kept(
        200,
        BODY,
        {
            "ETag": ETAG,
            "Cache-Control": "public, max-age=1, stale-while-revalidate=1",
            "Vary": "Accept",
        },
    )


@pytest.mark.parametrize("if_none_match", [None, ETAG, "*"])
def test_a_personal_answer_is_never_kept_and_has_no_tag(if_none_match: str | None) -> None:
    assert kept(public=False, if_none_match=if_none_match) == Kept(
        200, BODY, {"Cache-Control": "private, no-store", "Vary": "Accept"}
    )


@pytest.mark.parametrize(
    "told",
    [
        ETAG,
        f"W/{ETAG}",
        f'"other", {ETAG}',
        f'W/"other" ,W/{ETAG}',
        f'"with, a comma",{ETAG}',
        "*",
        " * ",
    ],
)
def test_who_has_the_answer_gets_304_with_the_same_headers_and_no_body(told: str) -> None:
    assert kept(if_none_match=told) == Kept(304, b"", kept().headers)


@pytest.mark.parametrize(
    "told",
    [None, "", '"other"', ETAG[1:-1], f'"{ETAG}', f'"a {ETAG[1:]}', '"*"', ETAG.upper()],
)
def test_who_has_another_answer_gets_this_one(told: str | None) -> None:
    assert kept(if_none_match=told) == kept()


def test_a_tag_that_is_known_is_not_made_again() -> None:
    answer = answer_get(b"", public=True, fresh_for=1, if_none_match='"known"', etag='"known"')
    assert (answer.status, answer.headers["ETag"]) == (304, '"known"')


@pytest.mark.parametrize(
    ("fresh_for", "told"),
    [
        (-1, "public, max-age=0"),
        (0.99, "public, max-age=0"),
        (1, "public, max-age=1"),
        (1.99, "public, max-age=1"),
        (2, "public, max-age=1, stale-while-revalidate=1"),
        (3600, "public, max-age=1, stale-while-revalidate=1"),
    ],
)
def test_no_cache_tells_an_answer_that_time_has_changed(fresh_for: float, told: str) -> None:
    assert cache_control(fresh_for) == told


@given(st.binary(), st.binary())
def test_a_tag_names_the_bytes_and_no_others(one: bytes, other: bytes) -> None:
    assert (entity_tag(one) == entity_tag(other)) == (one == other)
    assert matches(entity_tag(one), entity_tag(other)) == (one == other)
