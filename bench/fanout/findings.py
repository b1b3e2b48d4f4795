"""What W5 found, as plain values, and what they tell."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from bench.chart import Panel
from bench.contenders import GRAPHQL_WS, OURS, STRAWBERRY
from bench.figures import Spread
from bench.goals import Goal, Target, at_least_times
from bench.tables import ms, table
from bench.workload import Section

_MOST_AGE_MS: Final = 300
_PUNCTUAL: Final = 0.95
UNSAID: Final = (
    (
        "Sockets are anonymous and follow the stock of one deal each. A subscription that is a"
        " buyer's own is executed for each buyer."
    ),
    (
        "The peers get their events by a request to themselves, ours by Redis. That is part of"
        " each server's CPU time."
    ),
    "Strawberry is told a quarter of the events: it needs seconds for what others do in one.",
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One contender's turn at telling events to all of its sockets."""

    deliveries: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def per_cpu_second(self) -> float:
        """Deliveries for a second of the server's CPU time."""
        return self.deliveries / max(self.cpu_seconds, 0.01)

    @property
    def cpu_us(self) -> float:
        """Microseconds of the server's CPU time for one delivery."""
        return self.cpu_seconds * 1e6 / self.deliveries


@dataclass(slots=True)
class OneTopic:
    """Every socket gets every event."""

    sockets: int
    per_second: float
    turns: dict[str, list[Turn]] = field(default_factory=dict)
    # Of those events that sockets got: two that come at once may be told as one.
    executions_per_event: float = 0.0

    def speed(self, name: str) -> Spread:
        """Deliveries per CPU-second of one contender."""
        return Spread.of([turn.per_cpu_second for turn in self.turns[name]])

    def cost(self, name: str) -> Spread:
        """CPU-microseconds per delivery of one contender."""
        return Spread.of([turn.cpu_us for turn in self.turns[name]])


@dataclass(frozen=True, slots=True)
class Conflated:
    """Many changes, of which each socket gets a few a second and at last the final one."""

    sockets: int
    deals: int
    wanted_per_second: float
    changes: int
    seconds: float
    deliveries: int
    cpu_seconds: float
    crowd_cpu_seconds: float
    correct: int
    backwards: int
    age_p50_ms: float | None
    age_p99_ms: float | None
    final_seconds: float


@dataclass(frozen=True, slots=True)
class FanoutFound:
    """W5 as a whole."""

    one_topic: OneTopic
    conflated: Conflated

    def goals(self) -> Iterator[Goal]:
        """Cost beside the peers; one execution per event; punctual and fresh."""
        topic, seen = self.one_topic, self.conflated
        ours = topic.speed(OURS)
        for name, first, then in ((STRAWBERRY, 8.0, None), (GRAPHQL_WS, 1.2, 1.5)):
            if name in topic.turns:
                yield at_least_times(
                    f"W5: deliveries per CPU-second beside {name}",
                    ours,
                    topic.speed(name),
                    first=first,
                    then=then,
                )
        executions = topic.executions_per_event
        yield Goal("W5: executions per event", f"{executions:g}", Target("1", executions == 1))
        # Whoever makes the changes shares the machine, and may come late.
        pace, wanted = seen.changes / seen.seconds, seen.wanted_per_second
        yield Goal(
            "W5: changes a second",
            f"{pace:,.0f}",
            Target(f"{wanted:,.0f}", pace >= wanted * _PUNCTUAL),
        )
        age = seen.age_p99_ms
        yield Goal(
            f"W5: p99 age of a value at {seen.sockets:,} sockets",
            ms(age),
            then=Target(f"under {_MOST_AGE_MS} ms", age is not None and age < _MOST_AGE_MS),
        )

    def sections(self) -> Iterator[Section]:
        """One topic, then thousands of sockets."""
        yield Section("W5: one topic, every event by itself", _one_topic(self.one_topic))
        yield Section("W5: thousands of sockets, conflated", _conflated(self.conflated))

    def panels(self) -> Iterator[Panel]:
        """Deliveries per CPU-second."""
        topic = self.one_topic
        yield Panel(
            "W5: deliveries per CPU-second (more is better)",
            0,
            {name: topic.speed(name) for name in topic.turns},
        )


def _one_topic(topic: OneTopic) -> list[str]:
    ours = topic.speed(OURS).middle
    rows = (
        (
            name,
            topic.speed(name).told(),
            topic.cost(name).told(1),
            f"{ours / topic.speed(name).middle:.2f}",
            f"{sum(turn.deliveries for turn in turns):,}",
        )
        for name, turns in topic.turns.items()
    )
    turns = len(topic.turns[OURS])
    return [
        (
            f"{topic.sockets:,} sockets each on one process, one topic, {topic.per_second:g} "
            f"events a second, in turns A B B A, {turns} turns each: median (least-most)."
        ),
        table(
            (
                "server",
                "deliveries per CPU-second",
                "CPU-us per delivery",
                "ours is x times",
                "deliveries",
            ),
            rows,
        ),
        (
            f"Executions per event in ours, for all {topic.sockets:,} sockets: "
            f"{topic.executions_per_event:g}."
        ),
    ]


def _conflated(seen: Conflated) -> list[str]:
    rows = (
        ("sockets with the final version and counters", f"{seen.correct:,} of {seen.sockets:,}"),
        ("versions that went backwards", f"{seen.backwards:,}"),
        ("deliveries", f"{seen.deliveries:,}"),
        ("deliveries per CPU-second", f"{seen.deliveries / max(seen.cpu_seconds, 0.01):,.0f}"),
        ("age of a value when it is read, p50", ms(seen.age_p50_ms)),
        ("the same, p99", ms(seen.age_p99_ms)),
        ("all sockets final after the changes and half a second", f"{seen.final_seconds:.2f} s"),
        ("CPU of the server", f"{seen.cpu_seconds / seen.seconds:.2f} cores"),
        ("CPU of the clients", f"{seen.crowd_cpu_seconds / seen.seconds:.2f} cores"),
    )
    return [
        (
            f"{seen.sockets:,} sockets on one process of ours, {seen.changes / seen.seconds:,.0f} "
            f"changes a second at the gates of {seen.deals} deals for {seen.seconds:.0f} s, "
            "told with the default conflation."
        ),
        table(("", ""), rows),
    ]
