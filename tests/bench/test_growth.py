import orjson
import pytest

from bench.growth.dimensions import FACTORS, FIRST, OPERATIONS, Place
from bench.growth.findings import Growth, log_slope
from bench.growth.turns import Asking


@pytest.mark.parametrize(
    ("costs", "slope"),
    [([5, 5, 5], 0.0), ([1, 10, 100], 1.0), ([1, 10**0.5, 10], 0.5), ([4, 2, 1], -0.3010)],
)
def test_the_slope_of_costs_over_sizes(costs: list[float], slope: float) -> None:
    assert log_slope([100, 1_000, 10_000], costs) == pytest.approx(slope, abs=1e-4)


def test_the_steepest_request_of_each_dimension_is_told_with_its_goal() -> None:
    found = Growth()
    for dimension in FIRST:
        for factor in FACTORS:
            steep = 2 if (dimension, factor) == ("orders", 100) else 1
            for noise in (0.9, 1.0, 1.1):
                costs = dict.fromkeys(OPERATIONS, 100.0 * noise)
                costs["placeOrder"] *= steep
                found.note(Place(dimension, factor), costs)
    goals = {goal.what: goal for goal in found.goals()}
    assert len(goals) == len(FIRST)
    steepest = goals["W6: cost over orders, log-log slope of the steepest (placeOrder)"]
    assert steepest.reached == "0.151"
    assert steepest.first is not None
    assert not steepest.first.met
    flat = next(goal for what, goal in goals.items() if "holds" in what)
    assert flat.first is not None
    assert flat.then is not None
    assert (flat.reached, flat.first.met, flat.then.met) == ("0.000", True, True)
    assert found.rounds == 3
    told = next(iter(found.sections())).parts[1]
    assert "| orders | 1,000 | placeOrder | 100 (90-110) | 100 (90-110) | 200 (180-220) |" in told
    panels = {panel.title: panel.bars for panel in found.panels()}
    bars = panels["W6: cost of a request with 100 x as many orders, as a multiple"]
    assert bars["placeOrder"].middle == 2
    assert bars["list"].middle == 1


def test_each_add_is_of_another_deal_until_all_buyers_have_all() -> None:
    asking = Asking(1, [], [], deals=["a", "b", "c"], tokens=["s", "t", "u", "v"])
    seen = set()
    for token, request in [*asking._adds(5), *asking._adds(7)]:  # noqa: SLF001 - what is asked
        given = orjson.loads(request.partition(b"\r\n\r\n")[2])["variables"]["input"]
        seen.add((token, given["dealId"]))
    assert len(seen) == 12
