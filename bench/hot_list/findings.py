"""What W1 found, as plain values, and what they tell."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bench.chart import Panel
from bench.contenders import MERCURIUS, OURS, RAW, STRAWBERRY, YOGA
from bench.figures import percentile
from bench.goals import Goal, at_least_times, at_most
from bench.tables import ms
from bench.throughput import Turn, about_generator, rate, rates
from bench.workload import Section

_GOALS: Final = (
    (RAW, 0.6, 0.8),
    (MERCURIUS, 2.5, None),
    (YOGA, 4.0, None),
    (STRAWBERRY, 35.0, None),
)
_MOST_STALE_MS: Final = 250
UNSAID: Final = (
    (
        "Ours and Yoga keep answers; Mercurius and Strawberry execute each request, from memory,"
        " without a store to ask. A cache in front of them would change their figures."
    ),
    (
        "All requests are the same one. How ours does with many documents that nobody repeats is"
        " the cost of an execution, which W2's deal pages contain."
    ),
    "nginx is asked by GET for a file, the others by POST; it hears of no change.",
    (
        "Ours hears of the changes by Redis, and of those that the observer makes besides; the"
        " peers by a request to themselves."
    ),
)


@dataclass(slots=True)
class Staleness:
    """How long changes took to be seen by who asks all the time."""

    ages_ms: list[float] = field(default_factory=list)
    changes: int = 0
    missed: int = 0
    asked: int = 0
    backwards: int = 0

    def add(self, seen: dict[str, Any]) -> None:
        """What an observer saw in one turn."""
        self.ages_ms = sorted([*self.ages_ms, *seen["ages_ms"]])
        self.changes += seen["changes"]
        self.missed += seen["missed"]
        self.asked += seen["asked"]
        self.backwards += seen["backwards"]

    @property
    def p50_ms(self) -> float | None:
        """The median."""
        return percentile(self.ages_ms, 0.5)

    @property
    def most_ms(self) -> float | None:
        """The oldest."""
        return self.ages_ms[-1] if self.ages_ms else None


@dataclass(frozen=True, slots=True)
class HotListFound:
    """W1 as a whole. `bytes` is the length of the answer; hits and misses are of our cache."""

    turns: dict[str, list[Turn]]
    staleness: Staleness
    bytes: int
    hits: float
    misses: float
    changes_per_second: float

    def goals(self) -> Iterator[Goal]:
        """The rate beside the others', and the age of what is told."""
        ours = rate(self.turns[OURS])
        for name, first, then in _GOALS:
            if name in self.turns:
                yield at_least_times(
                    f"W1: answers a second beside {name}",
                    ours,
                    rate(self.turns[name]),
                    first=first,
                    then=then,
                )
        yield at_most(
            "W1: age of a change when it is told, the oldest",
            self.staleness.most_ms,
            first=_MOST_STALE_MS,
            unit="ms",
        )

    def sections(self) -> Iterator[Section]:
        """Rates, staleness, hits."""
        seen = self.staleness
        turns = len(self.turns[OURS])
        yield Section(
            "W1: a hot list of deals",
            [
                (
                    f"The storefront's list of 20 live deals, {self.bytes:,} bytes, by POST from 32"
                    f" connections of wrk, in turns A B B A, {turns} turns each: median"
                    f" (least-most). Meanwhile {self.changes_per_second:g} changes of stock a"
                    " second. Ours and Yoga keep answers, Mercurius and Strawberry do not; raw and"
                    " nginx only send bytes."
                ),
                rates(self.turns),
                about_generator(self.turns),
                (
                    f"Of ours, under this load: {seen.changes:,} changes were looked for until they"
                    f" were told, p50 {ms(seen.p50_ms)} after the gate's answer, at most"
                    f" {ms(seen.most_ms)}. Of {self.hits + self.misses:,.0f} requests our cache"
                    f" answered all but {self.misses:,.0f}."
                ),
            ],
        )

    def panels(self) -> Iterator[Panel]:
        """Answers a second."""
        yield Panel(
            "W1: hot list, answers a second (more is better)",
            0,
            {name: rate(taken) for name, taken in self.turns.items()},
        )
