"""Finds the scenarios: each is a file in scenarios/ with one SCENARIO."""

from importlib import import_module
from pathlib import Path

from tests.faults.scenario import Scenario

_FOLDER = Path(__file__).parent / "scenarios"


def all_scenarios() -> dict[str, Scenario]:
    """Every scenario by name, in alphabetical order."""
    found = [
        import_module(f"tests.faults.scenarios.{path.stem}").SCENARIO
        for path in sorted(_FOLDER.glob("*.py"))
    ]
    return {scenario.name: scenario for scenario in found}
