import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission.figures import Figures
from admission.floor import MOST_SUBJECTS, LocalFloor

FIGURES = Figures(burst=3, window_ms=10_000, per_second=1.0)


@given(gaps=st.lists(st.integers(0, 4_000), max_size=60))
def test_no_window_ever_admits_more_than_the_burst(gaps: list[int]) -> None:
    now_ms = 0
    floor = LocalFloor(lambda: now_ms / 1000)
    admitted: list[int] = []
    for gap in gaps:
        now_ms += gap
        if floor.admit("subject", 1, FIGURES) == 0:
            admitted.append(now_ms)

    for first, fourth in zip(admitted, admitted[3:], strict=False):
        assert fourth - first >= FIGURES.window_ms


@given(gaps=st.lists(st.integers(0, 4_000), max_size=60))
def test_a_refusal_names_the_moment_from_which_it_would_be_admitted(gaps: list[int]) -> None:
    now_ms = 0
    floor = LocalFloor(lambda: now_ms / 1000)
    for gap in gaps:
        now_ms += gap
        wait_ms = floor.admit("subject", 1, FIGURES)
        if wait_ms:
            assert wait_ms <= FIGURES.window_ms + FIGURES.window_ms // 20
            now_ms += wait_ms
            assert floor.admit("subject", 1, FIGURES) == 0


def test_what_is_given_back_can_be_taken_again() -> None:
    floor = LocalFloor(lambda: 5.0)
    assert [floor.admit("subject", 1, FIGURES) for _ in range(3)] == [0, 0, 0]

    floor.admit("subject", -2, FIGURES)

    assert [floor.admit("subject", 1, FIGURES) == 0 for _ in range(3)] == [True, True, False]


def test_what_is_given_back_in_the_next_slice_was_counted_in_the_last() -> None:
    now = [0.499]
    floor = LocalFloor(lambda: now[0])
    assert floor.admit("subject", 3, FIGURES) == 0
    now[0] = 0.501

    floor.admit("subject", -3, FIGURES)

    assert floor.admit("subject", 3, FIGURES) == 0
    now[0] = 10.6
    assert floor.admit("subject", 1, FIGURES) > 0


@pytest.mark.parametrize("again", ["first", "second"])
def test_the_subject_seen_longest_ago_is_forgotten(again: str) -> None:
    floor = LocalFloor(lambda: 5.0)
    floor.admit("first", 3, FIGURES)
    floor.admit("second", 3, FIGURES)
    floor.admit("first", 1, FIGURES)
    for number in range(MOST_SUBJECTS - 1):
        floor.admit(f"subject-{number}", 1, FIGURES)

    assert (floor.admit(again, 1, FIGURES) == 0) == (again == "second")
