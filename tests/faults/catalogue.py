"""Finds the scenarios: each is a file in scenarios/ with one SCENARIO."""

from importlib import import_module
from pathlib import Path

from tests.faults.mutants import suspecting
from tests.faults.scenario import Scenario

_FOLDER = Path(__file__).parent / "scenarios"


def names() -> list[str]:
    """The names of all scenarios, in alphabetical order."""
    return sorted(path.stem.replace("_", "-") for path in _FOLDER.glob("*.py"))


def scenario(name: str) -> Scenario:
    """The scenario of this name, with what its mutants are suspected of."""
    found: Scenario = import_module(f"tests.faults.scenarios.{name.replace('-', '_')}").SCENARIO
    assert found.name == name, f"{name} calls itself {found.name}"
    return suspecting(found)


def all_scenarios() -> dict[str, Scenario]:
    """Every scenario by name."""
    return {name: scenario(name) for name in names()}
