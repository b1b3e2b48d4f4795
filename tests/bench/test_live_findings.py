from dataclasses import replace

import pytest

from bench.report import report
from tests.bench import samples


def test_fan_out_tells_goals_and_figures() -> None:
    page = report(samples.findings(w5=samples.fanout())).splitlines()
    for line in (
        (
            "| W5: deliveries per CPU-second beside Strawberry | 10.00 x (8.00-12.50) "
            "| at least 8 x | reached |  |  |"
        ),
        "| W5: changes a second | 1,000 | 1,000 | reached |  |  |",
        (
            "| W5: p99 age of a value at 10,000 sockets | 301 ms |  |  | under 300 ms "
            "| **not reached** |"
        ),
        "| ours | 45,000 (40,000-50,000) | 22.5 (20.0-25.0) | 1.00 | 160,000 |",
        "| Strawberry | 4,500 (4,000-5,000) | 225.0 (200.0-250.0) | 10.00 | 40,000 |",
        "| sockets with the final version and counters | 10,000 of 10,000 |",
    ):
        assert line in page, line


def test_memory_tells_goals_and_figures() -> None:
    page = report(samples.findings(w8=samples.memory())).splitlines()
    for line in (
        (
            "| W8: memory per idle socket beside Strawberry | 0.17 x | at most 0.33 x | reached "
            "|  |  |"
        ),
        (
            "| W8: memory per idle socket, 10,000 of them | 11.3 KB |  |  | at most 10 KB "
            "| **not reached** |"
        ),
        "| ours | 10,000 | 10.0 | 11.0 | 1.00 | 400 |",
        "| graphql-ws | 10,000 | 50.0 | 52.0 | 0.20 | 400 |",
        "After all sockets were cut off, 3 times over: 150,000, 151,000, 151,100 KiB.",
    ):
        assert line in page, line


def test_without_peers_ours_is_not_compared() -> None:
    found = samples.fanout()
    del found.one_topic.turns["graphql-ws"]
    del found.one_topic.turns["Strawberry"]
    assert [goal.what for goal in found.goals()] == [
        "W5: executions per event",
        "W5: changes a second",
        "W5: p99 age of a value at 10,000 sockets",
    ]


@pytest.mark.parametrize("executions", [0.0, 0.5, 1.01, 1_000.0])
def test_an_event_that_is_executed_otherwise_than_once_misses_the_goal(executions: float) -> None:
    found = samples.fanout()
    found = replace(found, one_topic=replace(found.one_topic, executions_per_event=executions))
    (goal,) = [goal for goal in found.goals() if "executions" in goal.what]
    assert goal.first is not None
    assert not goal.first.met
