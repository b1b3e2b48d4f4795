"""How many processes, connections and files a sale needs, and how much memory."""

import math
from dataclasses import dataclass
from typing import Final

from bench.capacity.costs import Costs
from bench.capacity.demand import Demand, Nonsense
from bench.capacity.load import Load, load_of
from kit.settings import Settings
from runtime.connections import RECORDS_POOL

# Where what comes is independent and one at a time is served, it waits u / (1 - u) times as long
# as it is served: 2.3 times at 70 %, 9 times at 90 %. Above it, a small error in the costs is a
# large one in the waiting.
MOST_BUSY: Final = 0.70
# Rates far beyond any sale are tried to find out what they would fill.
_MOST_PROCESSES: Final = 2**24
# Beside sockets, connections and pools: the listener, logs, pipes, the event loop's own.
_OWN_FILES: Final = 64
# The hub's subscription, and the line that all plain commands take, beside the pool.
_REDIS_LINES: Final = 2
# pymongo's pool, and what it watches the server with.
_MONGO_CONNECTIONS: Final = 102
# Kept for the superuser, a migration, and whoever looks.
_SPARE_POSTGRES: Final = 10
_POOLS: Final = {
    name: int(Settings.model_fields[name].default)
    for name in ("postgres_pool", "redis_pool", "response_cache_bytes")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What comes of a demand."""

    demand: Demand
    cores: int
    average: Load
    surge: Load
    processes: int
    files_per_process: int
    postgres_connections: int
    redis_connections: int
    api_memory_bytes: float
    redis_holds_bytes: float
    memory_bytes: float
    wal_bytes: float

    @property
    def cores_needed(self) -> int:
        """So that all of them together are at most `MOST_BUSY`, at the surge."""
        return max(math.ceil(self.surge.cores / MOST_BUSY), 1)


def plan_for(demand: Demand, costs: Costs, *, cores: int | None = None) -> Plan:
    """The plan, for this many cores; None: for those of the machine of the costs.

    Raises:
        Nonsense: no number of processes is enough.
    """
    cores = cores or costs.machine.cores
    processes = processes_for(demand, costs, factor=demand.surge)
    surge = load_of(demand, costs, factor=demand.surge, processes=processes)
    average = load_of(demand, costs, factor=1.0, processes=processes)
    open_files = demand.sockets + demand.connections
    pools = (
        _POOLS["postgres_pool"]
        + RECORDS_POOL
        + _POOLS["redis_pool"]
        + _REDIS_LINES
        + _MONGO_CONNECTIONS
    )
    api_memory = (
        processes * (costs.idle.api_memory_bytes + _POOLS["response_cache_bytes"])
        + demand.sockets * costs.sockets.memory_bytes
    )
    holds = demand.holds * costs.redis_bytes_per_hold
    return Plan(
        demand=demand,
        cores=cores,
        average=average,
        surge=surge,
        processes=processes,
        files_per_process=math.ceil(open_files / processes) + pools + _OWN_FILES,
        # The worker is a process with the same pools.
        postgres_connections=(processes + 1) * (_POOLS["postgres_pool"] + RECORDS_POOL)
        + _SPARE_POSTGRES,
        redis_connections=(processes + 1) * (_POOLS["redis_pool"] + _REDIS_LINES),
        api_memory_bytes=api_memory,
        redis_holds_bytes=holds,
        memory_bytes=api_memory + holds + costs.idle.stores_memory_bytes,
        wal_bytes=average.wal_bytes * demand.minutes * 60,
    )


def processes_for(demand: Demand, costs: Costs, *, factor: float) -> int:
    """The fewest API processes of which none is busier than `MOST_BUSY`.

    Raises:
        Nonsense: no number of processes is enough.
    """

    def is_enough(processes: int) -> bool:
        load = load_of(demand, costs, factor=factor, processes=processes)
        return load.api_cores <= MOST_BUSY * processes

    most = 1
    while not is_enough(most):
        most *= 2
        if most > _MOST_PROCESSES:
            raise Nonsense(f"not even {_MOST_PROCESSES:,} API processes are enough for this.")
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if is_enough(middle) else (middle, most)
    return most
