"""How many requests a second one server answers, and what each of them costs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.contenders import OURS
from bench.figures import Spread
from bench.tables import table
from bench.wrk import Load

# A generator that is busy all the time measures itself.
_MOST_LOAD_CPU: Final = 0.9


@dataclass(frozen=True, slots=True)
class Turn:
    """One server's turn under load. `answers` are those that count; `cpu_seconds` the server's."""

    answers: int
    load: Load
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Answers that count, a second."""
        return self.answers / self.load.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of the server's CPU time for each request, whatever was answered."""
        return self.cpu_seconds * 1e6 / max(self.load.requests, 1)

    @property
    def load_cpu(self) -> float:
        """The share of a processor that the generator used."""
        return self.load.cpu_seconds / self.load.seconds


Turns = Mapping[str, Sequence[Turn]]


def rate(turns: Sequence[Turn]) -> Spread:
    """Answers a second over several turns."""
    return Spread.of([turn.per_second for turn in turns])


def cost(turns: Sequence[Turn]) -> Spread:
    """CPU-microseconds a request over several turns."""
    return Spread.of([turn.cpu_us for turn in turns])


def rates(turns: Turns, *, ours: str = OURS, what: str = "answers") -> str:
    """A table with a row for each server; `ours` is the one that is compared."""
    compared = rate(turns[ours]).middle
    rows = (
        (
            name,
            rate(taken).told(),
            cost(taken).told(1),
            f"{compared / rate(taken).middle:.2f}" if rate(taken).middle else "",
            Spread.of([turn.load.p50_ms for turn in taken]).told(1),
            Spread.of([turn.load.p99_ms for turn in taken]).told(1),
            f"{Spread.of([100 * turn.load_cpu for turn in taken]).middle:.0f} %",
            f"{sum(turn.answers for turn in taken):,}",
        )
        for name, taken in turns.items()
    )
    head = (
        "server",
        f"{what} a second",
        "CPU-us of the server a request",
        f"{ours} is x times",
        "p50 ms",
        "p99 ms",
        "CPU of wrk",
        what,
    )
    return table(head, rows)


def busy_generators(turns: Turns) -> list[str]:
    """Of which servers wrk used a processor up, so that they could have answered more."""
    return [
        f"{name} ({max(turn.load_cpu for turn in taken):.0%})"
        for name, taken in turns.items()
        if max(turn.load_cpu for turn in taken) > _MOST_LOAD_CPU
    ]


def about_generator(turns: Turns) -> str:
    """A sentence on whether wrk was the limit for somebody."""
    busy = busy_generators(turns)
    if not busy:
        return "wrk, one thread of it, never used a processor up."
    return (
        f"wrk, one thread of it, used a processor up with {', '.join(busy)}:"
        " what is told of these is what it could ask, not what they could answer."
    )
