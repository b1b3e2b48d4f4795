"""What a scenario of the fault harness is made of."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.buyers import Crowd
    from tests.faults.history import History
    from tests.faults.stack import Stack


@dataclass(frozen=True, slots=True)
class SaleShape:
    """The sale that a scenario harms.

    `settings` are names of kit/settings.py, in lower case: every program gets them as FLASHSALE_
    variables, above those of environment.py. `redis_persistent`: Valkey writes its log to disk.
    """

    buyers: int = 30
    deals: int = 3
    allotment: int = 12
    purchase_limit: int = 2
    extras: int = 0  # people with a session whom only the scenario itself sends
    api_processes: int = 2
    workers: int = 1
    redis_persistent: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    launch: Mapping[str, str] = field(default_factory=dict)  # FAULTS_ variables of the launcher


@dataclass(slots=True)
class Run:
    """One run of a scenario: the programs, the crowd, and what has happened so far."""

    seed: int
    seconds: float
    stack: "Stack"
    crowd: "Crowd"
    history: "History"
    random: random.Random
    started: float = field(default_factory=monotonic)
    timeline: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Violations that the nemesis has seen itself."""
    faults: int = 0

    def harmed(self, what: str) -> None:
        """Note a fault that was injected."""
        self.faults += 1
        self.note(what)

    def note(self, what: str) -> None:
        """Note what a reader of a failed run wants to know."""
        self.timeline.append(f"{monotonic() - self.started:7.3f} s  {what}")


Nemesis = Callable[[Run], Awaitable[None]]
"""Does the harm while the crowd shops, and heals it before it returns."""

Verdict = Callable[[Run], Awaitable[list[str]]]
"""Violations that only this scenario knows of, looked for after settling."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named harm, and what may be expected of the sale all the same."""

    name: str
    harm: str
    expected: str
    nemesis: Nemesis
    shape: SaleShape = SaleShape()
    afterwards: Nemesis | None = None
    """What an operator does when the shop is closed, before all is settled and checked."""
    verdict: Verdict | None = None
