"""Identifiers: prefixed by kind, ordered by time, refused when malformed."""

import pytest

from kit.ids import is_id, kind_of, new_id, sibling


def test_later_identifiers_sort_behind_earlier_ones() -> None:
    made = [new_id("deal") for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000


def test_a_sibling_shares_the_suffix() -> None:
    deal = new_id("deal")
    assert sibling("stk", deal) == "stk_" + deal.removeprefix("deal_")
    assert is_id("stk", sibling("stk", deal))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "deal_",
        "deal_01",
        "DEAL_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "deal_81arz3ndektsv4rrffq69g5fav",  # more than 128 bits
        "deal_01arz3ndektsv4rrffq69g5fai",  # no i in the alphabet
        "deal_01arz3ndektsv4rrffq69g5fav\n",
        "deal_../../../../../etc/passwd",
        "deal_01arz3ndektsv4rrffq69g5fa\x00",
        "deal_" + "0" * 5_000,
    ],
)
def test_what_has_not_the_shape_is_no_identifier(text: str) -> None:
    assert not is_id("deal", text)
    assert kind_of(text) is None


def test_the_kind_is_part_of_the_identity() -> None:
    assert not is_id("ord", new_id("deal"))
    assert kind_of(new_id("ord")) == "ord"
