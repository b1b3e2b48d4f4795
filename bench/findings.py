"""What a run measured, as plain values: the report is made of nothing else."""

from dataclasses import dataclass, field

from bench.workload import Checks, Found, Workload


@dataclass(slots=True)
class Findings:
    """Everything that one run found."""

    machine: dict[str, str]
    versions: dict[str, str]
    command: str
    commit: str
    date: str
    seconds_taken: float = 0.0
    found: list[tuple[Workload, Found]] = field(default_factory=list)
    checks: Checks = field(default_factory=Checks)

    @property
    def sound(self) -> bool:
        """Whether every check held."""
        return not self.checks.failed
