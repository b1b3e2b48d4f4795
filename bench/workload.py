"""What a workload is: how it is measured, and what its findings tell of themselves."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bench.chart import Panel
from bench.goals import Goal
from bench.stage import Stage


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked for."""

    peers: bool
    seconds: float
    sockets: int


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to hold, or the figures mean nothing."""

    what: str
    holds: bool
    seen: str


@dataclass(slots=True)
class Checks:
    """Everything that was checked in a run."""

    all: list[Check] = field(default_factory=list)

    def check(self, what: str, seen: Any, *, holds: bool) -> None:  # noqa: ANN401 - any value
        """Note whether something held, and what was seen; `what` begins with the workload."""
        self.all.append(Check(what, holds, str(seen)))

    @property
    def failed(self) -> list[Check]:
        """Those that did not hold."""
        return [check for check in self.all if not check.holds]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: paragraphs and tables in Markdown."""

    title: str
    parts: Sequence[str]


class Found(Protocol):
    """What one workload found: plain values, from which the report is made."""

    def goals(self) -> Iterable[Goal]:
        """What was wanted, beside what was reached."""

    def sections(self) -> Iterable[Section]:
        """The figures."""

    def panels(self) -> Iterable[Panel]:
        """The figures as bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One of the workloads of `flashsale bench`.

    `unsaid` is what its figures do not say, a sentence or a few each. `needs` and `peers_need` are
    programs that have to be on PATH: see bench/programs.py.
    """

    name: str
    title: str
    measure: Callable[[Stage, Options, Checks], Found]
    unsaid: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    peers_need: tuple[str, ...] = ()
