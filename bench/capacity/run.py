"""One run of `flashsale capacity`: measure or read the costs, plan, and tell."""

from collections.abc import Callable
from pathlib import Path

from bench.capacity.calibration import Size, calibrate
from bench.capacity.costs import load_costs, save_costs
from bench.capacity.demand import Demand
from bench.capacity.page import PAGE, page
from bench.capacity.plan import plan_for
from bench.run import RESULTS
from bench.summary import renewed


def plan_from(costs: Path, demand: Demand, *, cores: int | None) -> str:
    """The plan that comes of a file of costs.

    Raises:
        CannotStart: it is no such file.
        Nonsense: no number of processes is enough.
    """
    known = load_costs(costs)
    return page(plan_for(demand, known, cores=cores), known, source=costs.name)


def measure_and_plan(
    demand: Demand, *, cores: int | None, save: Path | None, tell: Callable[[str], None]
) -> str:
    """The plan that comes of what is measured here and now, and kept.

    The example, measured into the usual folder, also renews docs/capacity.md.

    Raises:
        CannotStart: it cannot be measured, or not be kept.
        Nonsense: no number of processes is enough.
    """
    known = calibrate(Size(), tell)
    path = save or RESULTS / f"costs-{known.date}-{known.commit}.json"
    save_costs(known, path)
    tell(f"The costs are in {path}: --costs {path} plans with them again.")
    told = plan_from(path, demand, cores=cores)
    if save is None and cores is None and demand == Demand():
        PAGE.write_text(renewed(PAGE.read_text(), f"```text\n{told}\n```"))
    return told
