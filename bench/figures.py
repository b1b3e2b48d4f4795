"""Medians, ranges and percentiles, and how they are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True)
class Spread:
    """What several measurements of one thing gave."""

    middle: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The median and the range of one value or more."""
        assert values, "nothing was measured"
        return cls(median(values), min(values), max(values), len(values))

    def told(self, digits: int = 0) -> str:
        """The median with its range, as 1,234 (1,200-1,300)."""
        middle, least, most = (
            f"{value:,.{digits}f}" for value in (self.middle, self.least, self.most)
        )
        return middle if self.count == 1 else f"{middle} ({least}-{most})"


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value that `share` of the values do not exceed (nearest rank); None of no values."""
    if not ordered:
        return None
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[max(rank, 1) - 1]
