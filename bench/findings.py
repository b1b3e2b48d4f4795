"""What a run measured, as plain values: the report is made of nothing else."""

from dataclasses import dataclass, field
from typing import Any

from bench.figures import Spread


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to hold, or the figures mean nothing."""

    what: str
    holds: bool
    seen: str


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
class Fanout:
    """W5a: every socket gets every event."""

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
    """W5b: many changes, of which each socket gets a few a second and at last the final one."""

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
class Resting:
    """W8: what idle subscribed sockets cost one contender."""

    sockets: int
    before_kib: int
    half_kib: int
    with_kib: int
    connect_seconds: float
    connect_cpu_seconds: float

    @property
    def each_kib(self) -> float:
        """Resident memory per socket."""
        return (self.with_kib - self.before_kib) / self.sockets

    @property
    def further_kib(self) -> float:
        """The same for the second half of them, which finds nothing free that the start left."""
        return (self.with_kib - self.half_kib) / (self.sockets - self.sockets // 2)


@dataclass(frozen=True, slots=True)
class Stalled:
    """W8: what some sockets that read nothing cost ours while events go on."""

    stalled: int
    seconds: float
    before_kib: int
    most_kib: int
    others: int
    others_correct: int


@dataclass(slots=True)
class Memory:
    """W8 as a whole."""

    resting: dict[str, Resting] = field(default_factory=dict)
    stalled: Stalled | None = None
    # Resident memory of ours after each time that all sockets were cut off.
    after_cut_kib: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Findings:
    """Everything that one run found."""

    machine: dict[str, str]
    versions: dict[str, str]
    command: str
    commit: str
    date: str
    seconds_taken: float = 0.0
    fanout: Fanout | None = None
    conflated: Conflated | None = None
    memory: Memory | None = None
    checks: list[Check] = field(default_factory=list)

    def check(self, what: str, seen: Any, *, holds: bool) -> None:  # noqa: ANN401 - any value
        """Note whether something held, and what was seen."""
        self.checks.append(Check(what, holds, str(seen)))

    @property
    def sound(self) -> bool:
        """Whether every check held."""
        return all(check.holds for check in self.checks)
