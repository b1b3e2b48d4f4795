"""What W4 found, as plain values, and what they tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.chart import Panel
from bench.figures import Spread
from bench.goals import Goal, at_least_times, at_most
from bench.placing.pgbench import CLIENTS
from bench.tables import table
from bench.workload import Section

PGBENCH: Final = "pgbench"
UNSAID: Final = (
    (
        "Intents are opened at the default pace of 25 a second and process. Most orders are"
        " answered OPENING and left to a job, whose worker does not run while this is measured;"
        " some wait up to two seconds for their turn, which is what the 99th percentile shows."
    ),
    "A cart and a checkout come before each order; their cost is in W2 and W3.",
    (
        "pgbench sends statements and nothing else: no HTTP, no session, no limits, no gate. Every"
        " one of its clients waits for a flush of its own while it holds the deals."
    ),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of ours or of pgbench. CPU times are of all server processes, and of the buyers.

    `in_time` are those of the orders that were answered within the seconds of the turn.
    """

    orders: int
    in_time: int
    seconds: float
    flushes: int
    p50_ms: float
    p99_ms: float
    opening: int = 0
    cpu_seconds: float = 0.0
    load_cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Orders a second."""
        return self.in_time / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of the server's CPU time for an order."""
        return self.cpu_seconds * 1e6 / max(self.orders, 1)

    @property
    def flushes_an_order(self) -> float:
        """Flushes of the write-ahead log for an order."""
        return self.flushes / max(self.orders, 1)


@dataclass(frozen=True, slots=True)
class PlacingFound:
    """W4 as a whole: turns by contender, of ours by the number of processes."""

    turns: Mapping[str, Sequence[Turn]]
    connections: int
    lines: int

    def goals(self) -> Iterator[Goal]:
        """The rate beside pgbench's, and the flushes."""
        reference = rate(self.turns[PGBENCH])
        for name, turns in self.turns.items():
            if name == PGBENCH:
                continue
            yield at_least_times(
                f"W4: orders a second, {name}, beside pgbench with a commit each",
                rate(turns),
                reference,
                first=0.5,
                then=1.0,
            )
            yield at_most(
                f"W4: flushes of the log an order, {name}",
                Spread.of([turn.flushes_an_order for turn in turns]).middle,
                first=0.1,
                digits=3,
            )

    def sections(self) -> Iterator[Section]:
        """Rates, costs, flushes."""
        reference = rate(self.turns[PGBENCH]).middle
        rows = (
            (
                name,
                rate(turns).told(),
                f"{rate(turns).middle / reference:.2f}",
                Spread.of([turn.cpu_us for turn in turns]).told() if name != PGBENCH else "",
                Spread.of([turn.flushes_an_order for turn in turns]).told(3),
                Spread.of([turn.p50_ms for turn in turns]).told(),
                Spread.of([turn.p99_ms for turn in turns]).told() if name != PGBENCH else "",
                f"{sum(turn.opening for turn in turns):,}" if name != PGBENCH else "",
                f"{sum(turn.orders for turn in turns):,}",
            )
            for name, turns in self.turns.items()
        )
        turns = len(self.turns[PGBENCH])
        yield Section(
            "W4: orders, answered after COMMIT",
            [
                (
                    f"Orders of {self.lines} lines, all on the same {self.lines} deals, by GraphQL"
                    f" from {self.connections} connections, each to another buyer's checkout; fsync"
                    f" on. pgbench: our statements, one order a transaction, {CLIENTS} clients. In"
                    f" turns A B C C B A, {turns} turns each: median (least-most)."
                ),
                table(
                    ("", "orders a second", "x pgbench", "CPU-us of the API an order",
                     "flushes an order", "p50 ms", "p99 ms", "answered OPENING", "orders"),
                    rows,
                ),
            ],
        )  # fmt: skip

    def panels(self) -> Iterator[Panel]:
        """Orders a second."""
        yield Panel(
            "W4: orders of three lines, a second (more is better)",
            0,
            {name: rate(turns) for name, turns in self.turns.items()},
        )


def rate(turns: Sequence[Turn]) -> Spread:
    """Orders a second over several turns."""
    return Spread.of([turn.per_second for turn in turns])
