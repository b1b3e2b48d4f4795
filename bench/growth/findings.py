"""What W6 found, as plain values, and what they tell."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from bench.chart import Panel
from bench.figures import Spread
from bench.goals import Goal, at_most
from bench.growth.dimensions import FACTORS, FIRST, OPERATIONS, Dimension, Operation, Place
from bench.tables import table
from bench.workload import Section

_FIRST_SLOPE: Final = 0.05
_THEN_SLOPE: Final = 0.03
UNSAID: Final = (
    (
        "Reads are those of somebody who is signed in, executed each time: an answer from the cache"
        " costs the same whatever there is of anything."
    ),
    (
        "However many deals and buyers there are, the same hundred deals and thousand buyers are"
        " asked for. What is kept in memory of them helps alike at every size; what is no longer"
        " kept costs its reading, once."
    ),
)


@dataclass(slots=True)
class Growth:
    """CPU-microseconds per request, of the server and its stores, a value for each round."""

    costs: dict[tuple[Place, Operation], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )

    @property
    def rounds(self) -> int:
        """How often each state was asked."""
        return len(next(iter(self.costs.values())))

    def note(self, place: Place, costs: Mapping[Operation, float]) -> None:
        """What a turn came to."""
        for operation, cost in costs.items():
            self.costs[place, operation].append(cost)

    def slope(self, dimension: Dimension, operation: Operation) -> float:
        """Of the logarithm of the cost over that of the size, through the medians."""
        places = [Place(dimension, factor) for factor in FACTORS]
        return log_slope(
            [place.size for place in places],
            [median(self.costs[place, operation]) for place in places],
        )

    def goals(self) -> Iterator[Goal]:
        """The steepest slope of each dimension."""
        for dimension in FIRST:
            slopes = {operation: self.slope(dimension, operation) for operation in OPERATIONS}
            steepest = max(slopes, key=lambda operation: slopes[operation])
            yield at_most(
                f"W6: cost over {dimension}, log-log slope of the steepest ({steepest})",
                slopes[steepest],
                first=_FIRST_SLOPE,
                then=_THEN_SLOPE,
                digits=3,
            )

    def sections(self) -> Iterator[Section]:
        """All costs with their slopes."""
        rows = [
            (
                dimension,
                f"{FIRST[dimension]:,}",
                operation,
                *(
                    Spread.of(self.costs[Place(dimension, factor), operation]).told()
                    for factor in FACTORS
                ),
                f"{self.slope(dimension, operation):+.3f}",
            )
            for dimension in FIRST
            for operation in OPERATIONS
        ]
        yield Section(
            "W6: growth",
            [
                (
                    "CPU-microseconds per request of server, PostgreSQL, Valkey and MongoDB"
                    f" together, {self.rounds} rounds in turns: median (least-most). A slope of 0"
                    " is a cost that does not grow, 1 one that grows as the size does."
                ),
                table(
                    (
                        "what grows",
                        "from",
                        "request",
                        *(f"{factor} x" for factor in FACTORS),
                        "slope",
                    ),
                    rows,
                ),
            ],
        )

    def panels(self) -> Iterator[Panel]:
        """A panel for each dimension: each request's cost at 100 x, where that at 1 x is 1."""
        for dimension in FIRST:
            yield Panel(
                f"W6: cost of a request with 100 x as many {dimension}, as a multiple",
                2,
                {operation: self._growth(dimension, operation) for operation in OPERATIONS},
            )

    def _growth(self, dimension: Dimension, operation: Operation) -> Spread:
        first, last = (
            self.costs[Place(dimension, f), operation] for f in (FACTORS[0], FACTORS[-1])
        )
        return Spread.of([more / less for more, less in zip(last, first, strict=True)])


def log_slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of the least-squares line through the points' logarithms."""
    across = [math.log10(size) for size in sizes]
    up = [math.log10(cost) for cost in costs]
    centre, height = sum(across) / len(across), sum(up) / len(up)
    return sum((x - centre) * (y - height) for x, y in zip(across, up, strict=True)) / sum(
        (x - centre) ** 2 for x in across
    )
