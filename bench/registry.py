"""The workloads of `flashsale bench`, in the order in which a full run takes them."""

from typing import Final

from bench.fanout.findings import UNSAID as FANOUT_UNSAID
from bench.fanout.measure import measure as measure_fanout
from bench.headline.findings import UNSAID as HEADLINE_UNSAID
from bench.headline.measure import measure as measure_headline
from bench.hot_list.findings import UNSAID as HOT_LIST_UNSAID
from bench.hot_list.measure import measure as measure_hot_list
from bench.memory.findings import UNSAID as MEMORY_UNSAID
from bench.memory.measure import measure as measure_memory
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
        name="W5",
        title="fan-out to sockets",
        measure=measure_fanout,
        unsaid=FANOUT_UNSAID,
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
