"""A plan as it is told on the terminal."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.capacity.costs import HOW, Costs
from bench.capacity.parts import Part, parts_of
from bench.capacity.plan import MOST_BUSY, Plan

PAGE: Final = Path(__file__).parents[2] / "docs" / "capacity.md"
_MIB: Final = 2**20

# Of all kinds alike.
_COUNTED: Final = {
    "CPU": "of each part's processes, to the nanosecond, from /proc, less what it uses at rest",
    "commands": "INFO commandstats, those inside scripts as well",
    "transactions": "pg_stat_database, with reads; the log: pg_stat_io and its position",
    "memory": "proportional share (API, stores), growth of the resident set (sockets)",
    "disk": "8 KiB written and flushed by fdatasync, one after another",
}

UNSAID: Final = (
    "queueing beyond keeping every part under the stated utilisation: no percentiles come of it",
    "settlement: payments, their webhooks, e-mails and refunds, which the worker does at its pace",
    "the pace at which the provider takes new payment intents (Stripe: about 25 a second)",
    "the network: answers' bodies are told; heads, sockets' messages, TLS, proxies, a CDN are not",
    "sign-ins: buyers come with a session; a password costs far more than any request here",
    "the kernel's memory for sockets, page cache, and vacuum and checkpoints of PostgreSQL",
    "fewer flushes per order when more than eight are placed at once: the figure is the upper one",
    "the processor's own limits when all cores are busy (shared caches, lower clock)",
)


def page(plan: Plan, costs: Costs, *, source: str) -> str:
    """Everything: what is expected, what it needs, what is full first, what a request costs."""
    return "\n".join(
        (
            *_expected(plan),
            "",
            *_needs(plan, costs),
            "",
            *_parts(parts_of(plan, costs)),
            "",
            *_measured(costs, source),
            "",
            "Not modelled:",
            *(f"  * {sentence}" for sentence in UNSAID),
        )
    )


def _expected(plan: Plan) -> Iterator[str]:
    demand = plan.demand
    average, surge = demand.rates(1.0), demand.rates(demand.surge)
    yield (
        f"Expected: {demand.requests:,} requests in {demand.minutes:g} minutes,"
        f" {_up(average.requests):,} a second, {_up(surge.requests):,} in a surge;"
        f" {demand.sockets:,} sockets; {demand.placed_orders:,.0f} orders."
    )
    yield from _columns(
        ("a second", "average", "surge"),
        [
            (name, f"{one:,.0f}", f"{two:,.0f}")
            for name, one, two in (
                ("reads", average.reads, surge.reads),
                ("  executed anew: lists", plan.average.executed_lists, plan.surge.executed_lists),
                (
                    "  executed anew: deals",
                    plan.average.executed_details,
                    plan.surge.executed_details,
                ),
                ("addToCart, a unit held", average.accepted_adds, surge.accepted_adds),
                ("addToCart, sold out", average.refusals, surge.refusals),
                ("checkout", average.checkouts, surge.checkouts),
                ("placeOrder", average.orders, surge.orders),
                ("deliveries to sockets", plan.average.deliveries, plan.surge.deliveries),
            )
        ],
    )


def _needs(plan: Plan, costs: Costs) -> Iterator[str]:
    average, surge = plan.average, plan.surge
    yield f"Needed, so that nothing is busier than {MOST_BUSY:.0%} in the surge:"
    yield f"  API processes      {plan.processes}"
    yield f"  cores              {plan.cores_needed} (there are {plan.cores})"
    yield (
        f"  connections        {plan.files_per_process:,} files per API process;"
        f" PostgreSQL max_connections {plan.postgres_connections:,};"
        f" Redis {plan.redis_connections:,}"
    )
    sockets = plan.demand.sockets * costs.sockets.memory_bytes
    yield (
        f"  memory             {plan.memory_bytes / _MIB:,.0f} MiB: API"
        f" {plan.api_memory_bytes / _MIB:,.0f} (sockets {sockets / _MIB:,.0f}), holds in Redis"
        f" {plan.redis_holds_bytes / _MIB:,.0f}, stores and worker at rest"
        f" {costs.idle.stores_memory_bytes / _MIB:,.0f}"
    )
    yield f"  PostgreSQL's log   {plan.wal_bytes / 1e6:,.0f} MB written over the whole sale"
    yield ""
    rows = [
        ("everything, cores", "{:.2f}", average.cores, surge.cores),
        ("API, cores", "{:.2f}", average.api_cores, surge.api_cores),
        ("Redis, share of one core", "{:.1%}", average.redis_cores, surge.redis_cores),
        ("Redis, commands", "{:,.0f}", average.redis_commands, surge.redis_commands),
        ("PostgreSQL, cores", "{:.2f}", average.postgres_cores, surge.postgres_cores),
        (
            "PostgreSQL, transactions",
            "{:,.0f}",
            average.postgres_transactions,
            surge.postgres_transactions,
        ),
        ("PostgreSQL, flushes of the log", "{:,.0f}", average.wal_flushes, surge.wal_flushes),
        ("PostgreSQL, MB of log", "{:.2f}", average.wal_bytes / 1e6, surge.wal_bytes / 1e6),
        ("MongoDB, cores", "{:.2f}", average.mongo_cores, surge.mongo_cores),
        ("worker, cores", "{:.2f}", average.worker_cores, surge.worker_cores),
        (
            "answers' bodies, Mbit",
            "{:,.0f}",
            average.answered_bytes * 8e-6,
            surge.answered_bytes * 8e-6,
        ),
    ]
    yield from _columns(
        ("load, each second", "average", "surge"),
        [(name, form.format(one), form.format(two)) for name, form, one, two in rows],
    )


def _parts(parts: Sequence[Part]) -> Iterator[str]:
    yield from _columns(
        ("part, in the surge", "used", "of", "", f"{MOST_BUSY:.0%} at"),
        [
            (
                part.name,
                _amount(part.used, part.unit),
                _amount(part.limit, part.unit),
                f"{part.utilisation:.0%}",
                _full_at(part),
            )
            for part in parts
        ],
    )
    first = parts[0]
    yield ""
    if first.utilisation > 1:
        word = "there is not enough of it"
    elif first.utilisation > MOST_BUSY:
        word = "it is too busy"
    else:
        word = "it suffices"
    yield f"First to saturate: {first.name}, at {first.utilisation:.0%}: {word}. What to do:"
    for number, part in enumerate(parts[:4], 1):
        yield f"  {number}. {part.name}: {part.then}."


def _measured(costs: Costs, source: str) -> Iterator[str]:
    machine = costs.machine
    yield (
        f"Costs: {source}, measured on {costs.date} at commit {costs.commit}, on"
        f" {machine.processors}, {machine.memory_bytes / 2**30:.0f} GiB."
    )
    yield from _columns(
        ("CPU-us, each", "API", "Redis", "PG", "Mongo", "worker", "commands", "transactions",
         "log bytes", "flushes", "bytes sent", "of"),
        [
            (
                kind,
                *(
                    f"{value:,.0f}"
                    for value in (
                        cost.api_cpu_us, cost.redis_cpu_us, cost.postgres_cpu_us,
                        cost.mongo_cpu_us, cost.worker_cpu_us,
                    )
                ),
                f"{cost.redis_commands:,.1f}",
                f"{cost.postgres_transactions:,.2f}",
                f"{cost.wal_bytes:,.0f}",
                f"{cost.wal_flushes:,.2f}",
                f"{cost.answer_bytes:,.0f}",
                f"{cost.requests:,}",
            )
            for kind in HOW
            for cost in (costs.requests[kind],)
        ],
    )  # fmt: skip
    sockets, idle = costs.sockets, costs.idle
    yield (
        f"  A socket: {sockets.memory_bytes / 1024:.1f} KiB at rest (of {sockets.sockets:,}),"
        f" {sockets.delivery_cpu_us:.1f} CPU-us a delivery (of {sockets.deliveries:,})."
    )
    yield (
        f"  At rest: an API process {idle.api_memory_bytes / _MIB:.0f} MiB and"
        f" {idle.api_cpu_us / 1e6:.1%} of a core, Redis {idle.redis_cpu_us / 1e6:.1%},"
        f" PostgreSQL {idle.postgres_cpu_us / 1e6:.1%}, MongoDB {idle.mongo_cpu_us / 1e6:.1%},"
        f" the worker {idle.worker_cpu_us / 1e6:.1%}."
    )
    yield (
        f"  A hold takes {costs.redis_bytes_per_hold:,.0f} bytes of Redis with its cart;"
        f" the disk flushes {machine.wal_flushes_per_second:,.0f} times a second."
    )
    yield "How each was measured, with eight requests at a time:"
    yield from (f"  {kind:<14} {how}" for kind, how in (*HOW.items(), *_COUNTED.items()))


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table for people: the first column to the left, the others to the right."""
    every = [head, *rows]
    widths = [max(len(row[at]) for row in every) for at in range(len(head))]
    for row in every:
        first, *others = (
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  " + "  ".join((first, *others)).rstrip()


def _amount(value: float, unit: str) -> str:
    digits = 2 if unit == "cores" else 0
    return f"{value:,.{digits}f} {unit}".strip()


def _full_at(part: Part) -> str:
    if part.full_at_per_second is None:
        return "-"
    if math.isinf(part.full_at_per_second):
        return "never"
    return f"{part.full_at_per_second:,.0f}/s"


def _up(value: float) -> int:
    """A rate as the design document tells it: 11,111.1 a second are 11,112."""
    return math.ceil(round(value, 6))
