"""Cursors are opaque, and nobody but us makes them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.paging import BadCursor, Cursors

CURSORS = Cursors("a secret of this deployment")


@given(st.lists(st.one_of(st.integers(-(2**62), 2**62), st.text(max_size=40)), max_size=3))
def test_a_cursor_gives_back_what_was_written(values: list[int | str]) -> None:
    assert CURSORS.read("deals", CURSORS.write("deals", *values)) == values


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(BadCursor):
        CURSORS.read("orders", CURSORS.write("deals", 1))


def test_a_cursor_signed_with_another_secret_is_refused() -> None:
    with pytest.raises(BadCursor):
        CURSORS.read("deals", Cursors("another secret entirely").write("deals", 1))


@given(st.text(max_size=60))
def test_whatever_else_is_given_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        CURSORS.read("deals", text)


def test_a_changed_byte_is_noticed() -> None:
    raw = bytearray(base64.urlsafe_b64decode(CURSORS.write("deals", 7) + "=="))
    raw[-2] ^= 1
    with pytest.raises(BadCursor):
        CURSORS.read("deals", base64.urlsafe_b64encode(raw).rstrip(b"=").decode())
