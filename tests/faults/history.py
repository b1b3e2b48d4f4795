"""What the crowd asked for and what it was told: the record that the checker believes."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final, Literal

Outcome = Literal["invoked", "ok", "fail", "unknown"]
"""`ok` and `fail` are answers; whoever got none (a timeout, a lost connection) knows nothing."""

SET_BACK: Final = "Redis was set back"
"""The mark of a moment at which Redis came back with an older memory."""


@dataclass(slots=True)
class Operation:
    """One request, from the moment it was sent; times are seconds since the history began."""

    number: int
    who: str
    name: str
    asked: dict[str, Any]
    invoked: float
    outcome: Outcome = "invoked"
    told: dict[str, Any] = field(default_factory=dict)
    answered: float | None = None

    @property
    def may_have_happened(self) -> bool:
        """Whether its effect can be there: all but a refusal."""
        return self.outcome != "fail"


class History:
    """Operations in the order in which they were sent, and named moments between them."""

    def __init__(self) -> None:
        self._began = monotonic()
        self.operations: list[Operation] = []
        self.marks: list[tuple[float, str]] = []
        self._lost: list[tuple[float, float]] = []

    @property
    def now(self) -> float:
        """Seconds since the history began."""
        return monotonic() - self._began

    def invoke(self, who: str, name: str, **asked: Any) -> Operation:
        """Note a request just before it is sent."""
        operation = Operation(len(self.operations), who, name, asked, self.now)
        self.operations.append(operation)
        return operation

    def ok(self, operation: Operation, **told: Any) -> None:
        """It was done, and this was told."""
        self._answer(operation, "ok", told)

    def fail(self, operation: Operation, **told: Any) -> None:
        """It was refused for a reason that was told; nothing was done."""
        self._answer(operation, "fail", told)

    def unknown(self, operation: Operation, **told: Any) -> None:
        """No answer, or one that leaves the outcome open: it may happen yet."""
        self._answer(operation, "unknown", told)

    def mark(self, name: str) -> float:
        """Name this moment ("healed"); the moment."""
        now = self.now
        self.marks.append((now, name))
        return now

    def moments(self, name: str) -> list[float]:
        """All moments of this name."""
        return [moment for moment, known in self.marks if known == name]

    def lose(self, since: float, until: float) -> None:
        """Postgres was set back: what was answered between these moments may be gone.

        Money stays: what the provider has captured needs its order all the same.
        """
        self._lost.append((since, until))

    def was_lost(self, operation: Operation) -> bool:
        """Whether the effect of an operation may have been wiped out on purpose."""
        answered = operation.answered
        return answered is not None and any(
            since <= answered and operation.invoked <= until for since, until in self._lost
        )

    def of(self, *names: str) -> Iterator[Operation]:
        """The operations of these names, in the order of sending."""
        return (operation for operation in self.operations if operation.name in names)

    def counts(self) -> dict[str, int]:
        """How many operations came to each outcome."""
        found: dict[str, int] = {}
        for operation in self.operations:
            found[operation.outcome] = found.get(operation.outcome, 0) + 1
        return found

    def write(self, path: Path) -> None:
        """One JSON line for each operation and mark, for whoever reads a failed run."""
        with path.open("w", encoding="utf-8") as out:
            for moment, name in self.marks:
                out.write(json.dumps({"mark": name, "at": round(moment, 3)}) + "\n")
            for operation in self.operations:
                out.write(json.dumps(asdict(operation), default=str) + "\n")

    def _answer(self, operation: Operation, outcome: Outcome, told: dict[str, Any]) -> None:
        assert operation.outcome == "invoked", f"answered twice: {operation}"
        operation.outcome = outcome
        operation.told = told
        operation.answered = self.now
