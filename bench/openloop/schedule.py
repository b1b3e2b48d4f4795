"""When requests are meant to be sent: a rate that changes, arrivals that know of each other not."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# Gaps between arrivals are drawn once and used over and over.
_GAPS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time with one rate."""

    name: str
    seconds: float
    per_second: float


def surge_in_the_middle(
    seconds: float, per_second: float, *, surge_seconds: float, factor: float
) -> list[Stretch]:
    """A steady rate, `factor` times as much in the middle, and the steady rate again."""
    around = (seconds - surge_seconds) / 2
    assert around > 0, "a surge is shorter than the run"
    return [
        Stretch("before", around, per_second),
        Stretch("surge", surge_seconds, per_second * factor),
        Stretch("after", around, per_second),
    ]


def arrivals(stretches: Sequence[Stretch], *, seed: int) -> Iterator[tuple[float, int]]:
    """Each intended time, in seconds from the start, and the number of its stretch.

    A Poisson process, as that of many who know nothing of each other, but for its mean, which is
    exact over each round of the drawn gaps.
    """
    # Not for secrets: the same seed makes the same load.
    drawn = random.Random(seed)  # noqa: S311
    gaps = [-math.log(1.0 - drawn.random()) for _ in range(_GAPS)]
    mean = math.fsum(gaps) / _GAPS
    gaps = [gap / mean for gap in gaps]
    at, ends, turn = 0.0, 0.0, 0
    for number, stretch in enumerate(stretches):
        step = 1 / stretch.per_second
        at, ends = ends, ends + stretch.seconds
        while True:
            at += gaps[turn] * step
            turn = (turn + 1) % _GAPS
            if at >= ends:
                break
            yield at, number
