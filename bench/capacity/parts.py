"""What there is only so much of, and which of it is full first."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from bench.capacity.costs import Costs
from bench.capacity.load import Load, load_of
from bench.capacity.plan import MOST_BUSY, Plan, processes_for

_MIB: Final = 2**20
# Redis' own default of maxclients.
_REDIS_CLIENTS: Final = 10_000
# To a thousandth of the rate.
_BISECTIONS: Final = 12
_HIGHEST_FACTOR: Final = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of these, as it is used in the surge; `then` is what to do when it is full."""

    name: str
    used: float
    limit: float
    unit: str
    then: str
    # Requests a second, with the same mix, at which it is at `MOST_BUSY`; None: not by requests.
    full_at_per_second: float | None = None

    @property
    def utilisation(self) -> float:
        """1: full."""
        return self.used / self.limit


def parts_of(plan: Plan, costs: Costs) -> list[Part]:
    """All parts of a plan: the one that saturates first is the first."""
    parts = [*_by_rate(plan, costs), *_by_number(plan, costs)]
    return sorted(parts, key=lambda part: -part.utilisation)


def factor_at(use: Callable[[float], float], wanted: float) -> float:
    """How many times the average rate makes `use` as much as wanted; 0 when it is so at rest.

    `use` must not fall. Infinity: not even ten thousand times the average does.
    """
    if use(0.0) >= wanted:
        return 0.0
    least, most = 0.0, 1.0
    while use(most) < wanted:
        least, most = most, 2 * most
        if most > _HIGHEST_FACTOR:
            return math.inf
    for _ in range(_BISECTIONS):
        middle = (least + most) / 2
        least, most = (middle, most) if use(middle) < wanted else (least, middle)
    return most


def _by_rate(plan: Plan, costs: Costs) -> Iterator[Part]:
    """What is used by requests."""
    demand = plan.demand

    @cache
    def load_at(factor: float) -> Load:
        # With as many processes as that rate needs: each of them reads answers anew.
        processes = processes_for(demand, costs, factor=factor)
        return load_of(demand, costs, factor=factor, processes=processes)

    def part(name: str, of: Callable[[Load], float], limit: float, unit: str, then: str) -> Part:
        factor = factor_at(lambda factor: of(load_at(factor)), MOST_BUSY * limit)
        return Part(
            name=name,
            used=of(plan.surge),
            limit=limit,
            unit=unit,
            then=then,
            full_at_per_second=demand.average_per_second * factor,
        )

    yield part(
        "processor cores, everything together",
        lambda load: load.cores,
        plan.cores,
        "cores",
        f"{plan.cores_needed} cores; API processes go to machines of their own first",
    )
    yield part(
        "Redis, its one thread",
        lambda load: load.redis_cores,
        1,
        "cores",
        "Redis Cluster: the keys of a deal share a hash tag, so that deals spread over nodes",
    )
    yield part(
        "PostgreSQL's log, flushes to disk",
        lambda load: load.wal_flushes,
        costs.machine.wal_flushes_per_second,
        "a second",
        "a disk with a faster flush; batches grow by themselves with the orders",
    )


def _by_number(plan: Plan, costs: Costs) -> Iterator[Part]:
    """What is used by being there."""
    demand, machine = plan.demand, costs.machine
    yield Part(
        name="memory",
        used=plan.memory_bytes / _MIB,
        limit=machine.memory_bytes / _MIB,
        unit="MiB",
        then="more of it, or a smaller FLASHSALE_RESPONSE_CACHE_BYTES",
    )
    yield Part(
        name="open files of an API process",
        used=plan.files_per_process,
        limit=machine.files_per_process,
        unit="files",
        then="a higher ulimit -n, or more API processes",
    )
    yield Part(
        name="ports of a proxy's one address",
        used=demand.sockets + demand.connections,
        limit=machine.ports_per_address,
        unit="ports",
        then="a second address of the proxy, or a second port of the API",
    )
    yield Part(
        name="PostgreSQL's connections",
        used=plan.postgres_connections,
        limit=machine.postgres_connections,
        unit="connections",
        then=f"max_connections = {plan.postgres_connections}, or a smaller FLASHSALE_POSTGRES_POOL",
    )
    yield Part(
        name="Redis' clients",
        used=plan.redis_connections,
        limit=_REDIS_CLIENTS,
        unit="connections",
        then="a higher maxclients, or a smaller FLASHSALE_REDIS_POOL",
    )
