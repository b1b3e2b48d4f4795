import os

import pytest

from bench.figures import Spread, percentile
from bench.memory.measure import is_flat
from bench.process import cpu_seconds, memory_kib


def test_a_spread_is_the_median_and_the_range() -> None:
    assert Spread.of([3, 1, 2]) == Spread(2, 1, 3, 3)
    assert Spread.of([4, 1, 3, 2]) == Spread(2.5, 1, 4, 4)


def test_a_spread_is_told_with_its_range_unless_there_is_but_one_value() -> None:
    assert Spread.of([1_234.4]).told() == "1,234"
    assert Spread.of([1_000, 2_000, 3_000]).told() == "2,000 (1,000-3,000)"
    assert Spread.of([1.25, 2.5]).told(1) == "1.9 (1.2-2.5)"


def test_nothing_has_no_spread_and_no_percentile() -> None:
    with pytest.raises(AssertionError):
        Spread.of([])
    assert percentile([], 0.5) is None


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.501, 51), (0.99, 99), (1.0, 100)]
)
def test_a_percentile_is_the_value_of_the_nearest_rank(share: float, value: int) -> None:
    assert percentile(range(1, 101), share) == value


@pytest.mark.parametrize(
    ("after", "flat"),
    [
        ([100, 200, 200], True),
        ([100, 200, 206], True),
        ([100, 200, 207], False),
        ([200, 100, 101, 110], False),
        ([200, 100, 90], True),
    ],
)
def test_memory_is_flat_unless_it_grows_from_the_second_round_on(
    after: list[int], *, flat: bool
) -> None:
    assert is_flat(after) is flat


def test_a_process_knows_its_own_memory_and_time() -> None:
    assert memory_kib(os.getpid()) > 1_000
    mine = sum(os.times()[:2])
    assert abs(cpu_seconds(os.getpid()) - mine) <= 0.05 + mine * 0.01
