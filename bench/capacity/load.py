"""What so many requests a second ask of each part, when the reads are answered from memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.capacity.costs import Costs, Kind
from bench.capacity.demand import LISTED_DEALS, Demand, Rates
from graph.response_cache import MOST_SECONDS, RENEW_SECONDS

# FLASHSALE_STOCK_CHANGES_PER_SECOND: how often a socket is told of one deal, at most.
TOLD_PER_SECOND: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Each second, of all processes together; CPU in cores, that is in seconds a second."""

    executed_lists: float
    executed_details: float
    deliveries: float
    api_cores: float
    redis_cores: float
    postgres_cores: float
    mongo_cores: float
    worker_cores: float
    redis_commands: float
    postgres_transactions: float
    wal_flushes: float
    wal_bytes: float
    answered_bytes: float

    @property
    def cores(self) -> float:
        """Of everything."""
        return (
            self.api_cores
            + self.redis_cores
            + self.postgres_cores
            + self.mongo_cores
            + self.worker_cores
        )


def load_of(
    demand: Demand, costs: Costs, *, factor: float, processes: int, workers: int = 1
) -> Load:
    """The load at so many times the average rate, on so many API processes.

    By the utilisation law: what is busy is the rate times the cost of one. Every process keeps
    answers of its own, and so executes them by itself.
    """
    rates = demand.rates(factor)
    wanted = demand.shares_of_deals
    lists = processes * executed_lists(rates, wanted, processes)
    details = processes * executed_details(rates, wanted, processes)
    deliveries = sum(
        demand.sockets * share * min(rates.stock_changes * share, TOLD_PER_SECOND)
        for share in wanted
    )
    # Reading anew comes on top: whoever asks meanwhile is given the answer that there is.
    counts: Mapping[Kind, float] = {
        "cached read": rates.reads,
        "executed list": lists,
        "executed deal": details,
        "addToCart": rates.accepted_adds,
        "refusal": rates.refusals,
        "checkout": rates.checkouts,
        "placeOrder": rates.orders,
    }

    def each(name: str) -> float:
        return sum(
            count * float(getattr(costs.requests[kind], name)) for kind, count in counts.items()
        )

    idle = costs.idle
    api_us = (
        each("api_cpu_us")
        + deliveries * costs.sockets.delivery_cpu_us
        + processes * idle.api_cpu_us
    )
    return Load(
        executed_lists=lists,
        executed_details=details,
        deliveries=deliveries,
        api_cores=api_us / 1e6,
        redis_cores=(each("redis_cpu_us") + idle.redis_cpu_us) / 1e6,
        postgres_cores=(each("postgres_cpu_us") + idle.postgres_cpu_us) / 1e6,
        mongo_cores=(each("mongo_cpu_us") + idle.mongo_cpu_us) / 1e6,
        worker_cores=(each("worker_cpu_us") + workers * idle.worker_cpu_us) / 1e6,
        redis_commands=each("redis_commands") + idle.redis_commands,
        postgres_transactions=each("postgres_transactions") + idle.postgres_transactions,
        wal_flushes=each("wal_flushes") + idle.wal_flushes,
        wal_bytes=each("wal_bytes") + idle.wal_bytes,
        answered_bytes=sum(
            count * costs.requests[kind].answer_bytes
            for kind, count in counts.items()
            if not kind.startswith("executed")
        ),
    )


def executed_lists(rates: Rates, wanted: Sequence[float], processes: int) -> float:
    """How often one process reads the list anew, each second.

    After a change of one of its deals, but not before it is 60 ms old, and only if it is asked for.
    """
    changes = rates.stock_changes * sum(wanted[:LISTED_DEALS])
    return _renewals(changes, rates.lists / processes)


def executed_details(rates: Rates, wanted: Sequence[float], processes: int) -> float:
    """How often one process reads pages of deals anew, each second: each by the same rule."""
    return sum(
        _renewals(rates.stock_changes * share, rates.details * share / processes)
        for share in wanted
    )


def _renewals(changes: float, asked: float) -> float:
    """At least every 5 s, by which time every answer is read anew."""
    return min(asked, max(min(changes, 1 / RENEW_SECONDS), 1 / MOST_SECONDS))
