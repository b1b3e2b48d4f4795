"""What requests cost is measured on a shop of its own, and a plan is made of it."""

from dataclasses import replace
from pathlib import Path

from typer.testing import CliRunner

from bench.capacity.calibration import Size, calibrate
from bench.capacity.costs import HOW, save_costs
from runtime.__main__ import command_line


def test_a_small_calibration_measures_every_kind_and_can_be_planned_with(tmp_path: Path) -> None:
    size = Size(
        turns=1, cached_reads=16, executed_lists=8, executed_deals=8, buyers=8, refusals=16,
        sockets=10, told_seconds=0.3, idle_seconds=1.5, flush_seconds=0.01,
        stats_seconds=0.0,
    )  # fmt: skip
    costs = calibrate(size, lambda _line: None)
    assert {kind: costs.requests[kind].requests for kind in HOW} == {
        "cached read": 16, "executed list": 8, "executed deal": 8, "addToCart": 8, "refusal": 16,
        "checkout": 8, "placeOrder": 8,
    }  # fmt: skip
    placed = costs.requests["placeOrder"]
    assert placed.wal_bytes > 0
    assert costs.requests["addToCart"].redis_commands >= 1
    assert costs.idle.api_memory_bytes > 2**20
    assert costs.sockets.deliveries >= 10
    saved = tmp_path / "costs.json"
    save_costs(replace(costs, commit="abc"), saved)
    done = CliRunner().invoke(
        command_line(), ["capacity", "--costs", str(saved)], terminal_width=200
    )
    assert done.exit_code == 0
    assert "at commit abc" in done.output
