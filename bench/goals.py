"""What was wanted of a run, beside what it reached."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.contenders import GRAPHQL_WS, OURS, STRAWBERRY
from bench.figures import Spread
from bench.findings import Conflated, Fanout, Findings, Memory

# KB of a thousand bytes, as goals are told; memory is read in KiB.
_BYTES_OF_KIB = 1024
_MOST_AGE_MS = 300
_PUNCTUAL = 0.95
_MOST_SOCKET_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal, in words, and whether it was met."""

    what: str
    wanted: str
    reached: str
    met: bool


def goals_of(findings: Findings) -> list[Goal]:
    """The goals of all that was measured; nothing is said of the rest."""
    goals: list[Goal] = []
    if findings.fanout is not None:
        goals += _fanout(findings.fanout)
    if findings.conflated is not None:
        goals += (_pace(findings.conflated), _age(findings.conflated))
    if findings.memory is not None:
        goals += _memory(findings.memory)
    return goals


def _fanout(fanout: Fanout) -> Iterator[Goal]:
    ours = fanout.speed(OURS)
    for name, least in ((STRAWBERRY, 8.0), (GRAPHQL_WS, 1.2), (GRAPHQL_WS, 1.5)):
        if name in fanout.turns:
            peer = fanout.speed(name)
            yield Goal(
                f"W5: deliveries per CPU-second beside {name}",
                f"at least {least:g} x",
                _ratio(ours, peer),
                ours.middle >= least * peer.middle,
            )
    executions = fanout.executions_per_event
    yield Goal("W5: executions per event", "1", f"{executions:g}", executions == 1)


def _pace(seen: Conflated) -> Goal:
    """Whoever makes the changes shares the machine, and may come late."""
    pace = seen.changes / seen.seconds
    wanted = f"{seen.wanted_per_second:,.0f}"
    met = pace >= seen.wanted_per_second * _PUNCTUAL
    return Goal("W5: changes a second", wanted, f"{pace:,.0f}", met)


def _age(seen: Conflated) -> Goal:
    age = seen.age_p99_ms
    return Goal(
        f"W5: p99 age of a value at {seen.sockets:,} sockets",
        f"under {_MOST_AGE_MS} ms",
        "nothing was heard" if age is None else f"{age:,.0f} ms",
        age is not None and age < _MOST_AGE_MS,
    )


def _memory(memory: Memory) -> Iterator[Goal]:
    ours = memory.resting[OURS]
    for name in (STRAWBERRY, GRAPHQL_WS):
        if name in memory.resting:
            share = ours.each_kib / memory.resting[name].each_kib
            yield Goal(
                f"W8: memory per idle socket beside {name}",
                "at most 0.33 x",
                f"{share:.2f} x",
                share <= 1 / 3,
            )
    used = max(ours.each_kib, ours.further_kib) * _BYTES_OF_KIB
    yield Goal(
        f"W8: memory per idle socket, {ours.sockets:,} of them",
        f"at most {_MOST_SOCKET_BYTES / 1000:g} KB",
        f"{used / 1000:.1f} KB",
        used <= _MOST_SOCKET_BYTES,
    )


def _ratio(ours: Spread, peer: Spread) -> str:
    """The ratio of the medians, and the least and the most that the ranges allow."""
    middle, least, most = (
        ours.middle / peer.middle,
        ours.least / peer.most,
        ours.most / peer.least,
    )
    return f"{middle:.2f} x ({least:.2f}-{most:.2f})"
