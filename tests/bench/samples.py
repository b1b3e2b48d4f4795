"""Findings of a run that never was."""

from bench.fanout.findings import Conflated, FanoutFound, OneTopic, Turn
from bench.findings import Findings
from bench.memory.findings import MemoryFound, Resting, Stalled
from bench.registry import named
from bench.workload import Found


def fanout() -> FanoutFound:
    return FanoutFound(
        OneTopic(
            sockets=1_000,
            per_second=10,
            turns={
                "ours": [Turn(80_000, 2.0, 8), Turn(80_000, 1.6, 8)],
                "graphql-ws": [Turn(80_000, 2.5, 8), Turn(80_000, 2.5, 8)],
                "Strawberry": [Turn(20_000, 4.0, 8), Turn(20_000, 5.0, 8)],
                "raw": [Turn(80_000, 1.0, 8), Turn(80_000, 1.0, 8)],
            },
            executions_per_event=1.0,
        ),
        Conflated(
            sockets=10_000, deals=20, wanted_per_second=1_000, changes=16_000, seconds=16.0,
            deliveries=600_000, cpu_seconds=12.0, crowd_cpu_seconds=8.0, correct=10_000,
            backwards=0, age_p50_ms=121.4, age_p99_ms=301.0, final_seconds=0.05,
        ),
    )  # fmt: skip


def memory() -> MemoryFound:
    return MemoryFound(
        resting={
            "ours": Resting(10_000, 100_000, 145_000, 200_000, 5.0, 4.0),
            "graphql-ws": Resting(10_000, 60_000, 300_000, 560_000, 5.0, 4.0),
            "Strawberry": Resting(10_000, 60_000, 360_000, 660_000, 30.0, 25.0),
        },
        stalled=Stalled(100, 20.0, 200_000, 200_300, 9_900, 9_900),
        after_cut_kib=[150_000, 151_000, 151_100],
    )


def findings(**found: Found) -> Findings:
    """A run that found this, by the workload's name in small letters."""
    return Findings(
        machine={"processors": "2 x Example"},
        versions={"Python": "3.11.7"},
        command="flashsale bench",
        commit="abc123",
        date="2026-11-24",
        seconds_taken=1_301.2,
        found=[
            (workload, found[workload.name.lower()])
            for workload in named([name.upper() for name in found])
        ],
    )
