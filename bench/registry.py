"""The workloads of `flashsale bench`, in the order in which a full run takes them."""

from typing import Final

from bench.add_to_cart.findings import UNSAID as ADD_TO_CART_UNSAID
from bench.add_to_cart.measure import measure as measure_add_to_cart
from bench.fanout.findings import UNSAID as FANOUT_UNSAID
from bench.fanout.measure import measure as measure_fanout
from bench.growth.findings import UNSAID as GROWTH_UNSAID
from bench.growth.measure import measure as measure_growth
from bench.headline.findings import UNSAID as HEADLINE_UNSAID
from bench.headline.measure import measure as measure_headline
from bench.hot_list.findings import UNSAID as HOT_LIST_UNSAID
from bench.hot_list.measure import measure as measure_hot_list
from bench.memory.findings import UNSAID as MEMORY_UNSAID
from bench.memory.measure import measure as measure_memory
from bench.placing.findings import UNSAID as PLACING_UNSAID
from bench.placing.measure import measure as measure_placing
from bench.sold_out.findings import UNSAID as SOLD_OUT_UNSAID
from bench.sold_out.measure import measure as measure_sold_out
from bench.workload import Workload

WORKLOADS: Final = (
    Workload(
        name="W1",
        title="a hot list of deals",
        measure=measure_hot_list,
        unsaid=HOT_LIST_UNSAID,
        needs=("wrk",),
        peers_need=("nginx",),
    ),
    Workload(
        name="W2",
        title="the design document's load, with a surge",
        measure=measure_headline,
        unsaid=HEADLINE_UNSAID,
    ),
    Workload(
        name="W3",
        title="units put into carts",
        measure=measure_add_to_cart,
        unsaid=ADD_TO_CART_UNSAID,
        needs=("wrk",),
        peers_need=("redis-benchmark",),
    ),
    Workload(
        name="W4",
        title="orders, answered after COMMIT",
        measure=measure_placing,
        unsaid=PLACING_UNSAID,
    ),
    Workload(
        name="W5",
        title="fan-out to sockets",
        measure=measure_fanout,
        unsaid=FANOUT_UNSAID,
    ),
    Workload(
        name="W7",
        title="a deal that is sold out",
        measure=measure_sold_out,
        unsaid=SOLD_OUT_UNSAID,
        needs=("wrk",),
    ),
    Workload(
        name="W6",
        title="growth: what a request costs as there is more of everything",
        measure=measure_growth,
        unsaid=GROWTH_UNSAID,
    ),
    Workload(
        name="W8",
        title="memory per socket",
        measure=measure_memory,
        unsaid=MEMORY_UNSAID,
    ),
)


def named(names: list[str]) -> list[Workload]:
    """The workloads of these names, in the order of a full run.

    Raises:
        LookupError: naming the first that there is not.
    """
    known = {workload.name: workload for workload in WORKLOADS}
    for name in names:
        if name not in known:
            raise LookupError(f"{name} is none of {', '.join(known)}.")
    return [workload for workload in WORKLOADS if workload.name in names]
