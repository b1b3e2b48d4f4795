"""Breadth-first search through all that can happen, and the shortest story of what went wrong."""

import gc
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)


class Step(NamedTuple, Generic[S]):
    """One thing that one process does; `broken` names what it breaks by happening at all."""

    label: str
    state: S
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Subject(Generic[S]):
    """What is searched."""

    start: S
    steps: Callable[[S], list[Step[S]]]
    broken: Callable[[S], str]  # what is broken in a state; empty: nothing
    canonical: Callable[[S], S]  # states that differ only in their buyers' names are one


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a search has found; `trace` is a shortest one, empty when nothing is broken."""

    states: int
    depth: int
    seconds: float
    complete: bool
    broken: str = ""
    trace: tuple[str, ...] = ()


def explore(subject: Subject[S], *, most_states: int) -> Exploration:
    """Visit every reachable state once, the nearest first, up to the first that is broken."""
    started = monotonic()
    with _uncollected():
        found = _breadth_first(subject, most_states)
    states, depth, complete, broken, chain, last = found
    trace = (*_retell(subject, chain), last) if broken else ()
    return Exploration(
        states=states,
        depth=depth,
        seconds=monotonic() - started,
        complete=complete,
        broken=broken,
        trace=tuple(label for label in trace if label),
    )


def _breadth_first(
    subject: Subject[S], most_states: int
) -> tuple[int, int, bool, str, list[S], str]:
    start = subject.canonical(subject.start)
    came_from: dict[S, S | None] = {start: None}
    frontier, depth = [start], 0
    while frontier:
        deeper: list[S] = []
        for state in frontier:
            for label, raw, broken in subject.steps(state):
                if broken:
                    return len(came_from), depth, False, broken, _chain(came_from, state), label
                after = subject.canonical(raw)
                if after in came_from:
                    continue
                came_from[after] = state
                wrong = subject.broken(after)
                if wrong:
                    return len(came_from), depth, False, wrong, _chain(came_from, after), ""
                deeper.append(after)
            if len(came_from) >= most_states:
                return len(came_from), depth, False, "", [], ""
        frontier = deeper
        depth += bool(deeper)
    return len(came_from), depth, True, "", [], ""


def _chain(came_from: dict[S, S | None], last: S) -> list[S]:
    chain: list[S] = []
    state: S | None = last
    while state is not None:
        chain.append(state)
        state = came_from[state]
    return chain[::-1]


def _retell(subject: Subject[S], chain: list[S]) -> Iterator[str]:
    """The labels along a chain of canonical states, with every buyer keeping one name."""
    state = subject.start
    for target in chain[1:]:
        step = next(s for s in subject.steps(state) if subject.canonical(s.state) == target)
        state = step.state
        yield step.label


@contextmanager
def _uncollected() -> Iterator[None]:
    """A million tuples without a cycle among them: looking for cycles would double the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
