"""What a driver counted: latencies by stretch, kind and outcome, and how each second went."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from bench.openloop.answers import Outcome
from bench.openloop.histogram import BUCKETS, Latencies, top_of

_OUTCOMES: Final = len(Outcome)


@dataclass(slots=True)
class Second:
    """The requests that were meant for one second: how many came to what, and the longest."""

    outcomes: list[int]
    longest_ms: float


@dataclass(slots=True)
class Load:
    """Counted while it is offered; kinds are numbers from 0, -1 where none was chosen yet."""

    stretches: int
    kinds: int
    whole_seconds: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    # Requests that found no free connection at their time.
    waited: int = 0
    # Connections that ended while nothing was in flight.
    closed_idle: int = 0
    _counts: list[list[int] | None] = field(default_factory=list)
    _by_second: list[list[int]] = field(default_factory=list)
    _longest: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._counts = [None] * (self.stretches * (self.kinds + 1) * _OUTCOMES)
        self._by_second = [[0] * _OUTCOMES for _ in range(self.whole_seconds + 1)]
        self._longest = [0] * (self.whole_seconds + 1)

    def note(self, stretch: int, kind: int, outcome: int, due: float, bucket: int) -> None:
        """One request, of so long a latency; called for each, so nothing is looked up twice."""
        place = (stretch * (self.kinds + 1) + kind + 1) * _OUTCOMES + outcome
        counts = self._counts[place]
        if counts is None:
            counts = self._counts[place] = [0] * BUCKETS
        counts[bucket] += 1
        second = int(due)
        self._by_second[second][outcome] += 1
        self._longest[second] = max(self._longest[second], bucket)

    def latencies(
        self,
        *,
        stretches: Sequence[int] | None = None,
        kinds: Sequence[int] | None = None,
        outcomes: Sequence[Outcome],
    ) -> Latencies:
        """Of all that fit; None: all."""
        total = Latencies()
        for stretch in range(self.stretches) if stretches is None else stretches:
            for kind in range(-1, self.kinds) if kinds is None else kinds:
                for outcome in outcomes:
                    place = (stretch * (self.kinds + 1) + kind + 1) * _OUTCOMES + outcome
                    counts = self._counts[place]
                    if counts is not None:
                        total.add(Latencies(counts))
        return total

    def by_second(self) -> list[Second]:
        """How each second went, by intended time."""
        return [
            Second(list(outcomes), top_of(longest) / 1000)
            for outcomes, longest in zip(
                self._by_second[: self.whole_seconds],
                self._longest[: self.whole_seconds],
                strict=True,
            )
        ]

    def told(self) -> dict[str, Any]:
        """As plain values, to be sent to another process."""
        return {
            "stretches": self.stretches,
            "kinds": self.kinds,
            "whole_seconds": self.whole_seconds,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "waited": self.waited,
            "closed_idle": self.closed_idle,
            "counts": [counts and Latencies(counts).told() for counts in self._counts],
            "by_second": self._by_second,
            "longest": self._longest,
        }

    @classmethod
    def heard(cls, told: dict[str, Any]) -> Self:
        """What `told` told."""
        load = cls(told["stretches"], told["kinds"], told["whole_seconds"])
        load.seconds, load.cpu_seconds = told["seconds"], told["cpu_seconds"]
        load.waited, load.closed_idle = told["waited"], told["closed_idle"]
        load._counts = [counts and Latencies(counts).counts for counts in told["counts"]]
        load._by_second, load._longest = told["by_second"], told["longest"]
        return load
