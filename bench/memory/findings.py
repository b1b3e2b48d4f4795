"""What W8 found, as plain values, and what they tell."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from bench.chart import Panel
from bench.contenders import GRAPHQL_WS, OURS, STRAWBERRY
from bench.figures import Spread
from bench.goals import Goal, Target
from bench.tables import table
from bench.workload import Section

# KB of a thousand bytes, as goals are told; memory is read in KiB.
_BYTES_OF_KIB: Final = 1024
_MOST_SOCKET_BYTES: Final = 10_000
UNSAID: Final = (
    (
        "Resident memory leaves out what the kernel keeps for each socket, which is alike for all."
        " Peers collect their garbage before it is read; ours is not asked to."
    ),
)


@dataclass(frozen=True, slots=True)
class Resting:
    """What idle subscribed sockets cost one contender."""

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
    """What some sockets that read nothing cost ours while events go on."""

    stalled: int
    seconds: float
    before_kib: int
    most_kib: int
    others: int
    others_correct: int


@dataclass(slots=True)
class MemoryFound:
    """W8 as a whole."""

    resting: dict[str, Resting] = field(default_factory=dict)
    stalled: Stalled | None = None
    # Resident memory of ours after each time that all sockets were cut off.
    after_cut_kib: list[int] = field(default_factory=list)

    def goals(self) -> Iterator[Goal]:
        """Memory per socket, beside the peers and by itself."""
        ours = self.resting[OURS]
        for name in (STRAWBERRY, GRAPHQL_WS):
            if name in self.resting:
                share = ours.each_kib / self.resting[name].each_kib
                yield Goal(
                    f"W8: memory per idle socket beside {name}",
                    f"{share:.2f} x",
                    Target("at most 0.33 x", share <= 1 / 3),
                )
        used = max(ours.each_kib, ours.further_kib) * _BYTES_OF_KIB
        yield Goal(
            f"W8: memory per idle socket, {ours.sockets:,} of them",
            f"{used / 1000:.1f} KB",
            then=Target(f"at most {_MOST_SOCKET_BYTES / 1000:g} KB", used <= _MOST_SOCKET_BYTES),
        )

    def sections(self) -> Iterator[Section]:
        """At rest, stalled, cut off."""
        yield Section("W8: memory", _memory(self))

    def panels(self) -> Iterator[Panel]:
        """Memory per socket."""
        sizes = {name: Spread.of([rest.each_kib]) for name, rest in self.resting.items()}
        yield Panel("W8: KiB per idle subscribed socket (less is better)", 1, sizes)


def _memory(memory: MemoryFound) -> list[str]:
    ours = memory.resting[OURS].each_kib
    rows = (
        (
            name,
            f"{rest.sockets:,}",
            f"{rest.each_kib:.1f}",
            f"{rest.further_kib:.1f}",
            f"{ours / rest.each_kib:.2f}",
            f"{rest.connect_cpu_seconds * 1e6 / rest.sockets:,.0f}",
        )
        for name, rest in memory.resting.items()
    )
    told = [
        table(
            ("server", "idle subscribed sockets", "KiB each", "KiB each of the second half",
             "ours is x of it", "CPU-us to connect and subscribe one"),
            rows,
        )
    ]  # fmt: skip
    if memory.stalled is not None:
        seen = memory.stalled
        told.append(
            f"{seen.stalled:,} sockets of a busy deal read nothing for {seen.seconds:.0f} s while "
            f"events went on: memory grew by {seen.most_kib - seen.before_kib:,} KiB at most, and "
            f"{seen.others_correct:,} of {seen.others:,} others got the final value."
        )
    if memory.after_cut_kib:
        after = ", ".join(f"{kib:,}" for kib in memory.after_cut_kib)
        told.append(
            f"After all sockets were cut off, {len(memory.after_cut_kib)} times over: {after} KiB."
        )
    return told
