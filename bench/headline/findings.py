"""What W2 found, as plain values, and what they tell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.chart import Panel
from bench.figures import Spread
from bench.goals import Goal, Target
from bench.headline.shoppers import KINDS, Facts
from bench.openloop.answers import Outcome
from bench.openloop.histogram import Latencies
from bench.openloop.load import Load
from bench.tables import table
from bench.workload import Section

_MOST_MS: Final = 250
# Of those offered outside the surge, which are 11,112 a second.
_SUSTAINED: Final = 0.999
_SURGE_SHARE: Final = 0.9
OPENING: Final = "opening"
# The numbers of the stretches: the opening is 0.
_SURGE: Final = 2
_AROUND: Final = (1, 3)
_LOAD: Final = (1, 2, 3)
_SERVED: Final = (Outcome.ACCEPTED, Outcome.REFUSED)
UNSAID: Final = (
    (
        "The driver shares the two processors with what it measures, and counts its own share: a"
        " shop whose buyers bring their own machines has that much more."
    ),
    (
        "Everybody comes from one address, so the limits for an address are out of the way; those"
        " for a buyer are as delivered, and nobody meets one."
    ),
    (
        "Each add is another buyer's, whose session nobody has asked for before: the dearest"
        " case. Nobody pays during the load, so every order is a payment intent at the sandbox,"
        " whose CPU time is in the table."
    ),
)


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds of each part over one stretch."""

    stretch: str
    seconds: float
    cpu_seconds: dict[str, float]


@dataclass(slots=True)
class Headline:
    """One load with a surge in its middle."""

    # Name, seconds, intended rate.
    stretches: list[tuple[str, float, float]]
    load: Load
    costs: list[Costs]
    processes: int
    connections: int
    deals: int
    buyers: int
    sold_out: int
    facts: Facts

    def served(self, *, stretches: Sequence[int]) -> float:
        """Requests a second that were answered by what was asked for, or by a rule of the sale."""
        return self._count(_SERVED, stretches) / self._seconds(stretches)

    def offered(self, *, stretches: Sequence[int]) -> float:
        """Requests a second that were meant to be sent."""
        return self._count(tuple(Outcome), stretches) / self._seconds(stretches)

    def goals(self) -> Iterator[Goal]:
        """The load sustained; the surge shed at once, then served."""
        served, offered = self.served(stretches=_AROUND), self.offered(stretches=_AROUND)
        wanted = self.stretches[_AROUND[0]][2]
        yield Goal(
            "W2: requests served a second around the surge",
            f"{served:,.0f} ({served / offered:.2%} of those offered)",
            Target(f"{wanted:,.0f}", served >= _SUSTAINED * offered),
        )
        for what, stretches in (("all of it", _LOAD), ("the surge", (_SURGE,))):
            accepted = self.load.latencies(stretches=stretches, outcomes=[Outcome.ACCEPTED])
            yield _below(f"W2: p99 of what was accepted, {what}", accepted.at(0.99), _MOST_MS)
        turned_away = self.load.latencies(
            stretches=[_SURGE], outcomes=[Outcome.REFUSED, Outcome.SHED]
        )
        unsent = self._count((Outcome.UNSENT, Outcome.UNANSWERED), _LOAD)
        away = turned_away.at(0.99)
        yield Goal(
            "W2: p99 of what was turned away in the surge, and requests that waited to death",
            f"{_ms(away)}, {unsent:,}",
            Target(f"under {_MOST_MS} ms, 0", (away is None or away < _MOST_MS) and not unsent),
        )
        surge, peak = self.served(stretches=[_SURGE]), self.offered(stretches=[_SURGE])
        yield Goal(
            "W2: the surge, served",
            f"{surge / peak:.2f} of {peak:,.0f}/s",
            then=Target(f"at least {_SURGE_SHARE:g}", surge >= _SURGE_SHARE * peak),
        )

    def sections(self) -> Iterator[Section]:
        """Rates, latencies by kind, refusals, and where the processors went."""
        total = self._count(tuple(Outcome), range(len(self.stretches)))
        yield Section(
            "W2: the design document's load",
            [
                (
                    f"{total:,} requests at their intended times over {self.connections:,}"
                    f" connections: 95 % reads of {self.deals:,} deals (Zipf, s = 1), half of them"
                    " the list of the 20 hottest; 4 % addToCart, each by another of"
                    f" {self.buyers:,} buyers, half with an idempotency key; 1 % checkout and"
                    f" placeOrder. {self.processes} API processes. {self.sold_out:,} deals sold"
                    f" out; {len(self.facts.orders):,} orders were placed. A latency counts from"
                    " the intended time."
                ),
                self._rates(),
                *(
                    part
                    for number, (name, _, _) in enumerate(self.stretches)
                    for part in (f"Latencies, {_named(name)}:", self._kinds(number))
                ),
                "What was answered otherwise than by a read:",
                self._words(),
                "Where the processors went, in cores:",
                self._costs(),
            ],
        )

    def panels(self) -> Iterator[Panel]:
        """Rates offered and served, and CPU by part."""
        for number in _LOAD:
            name = self.stretches[number][0]
            yield Panel(
                f"W2: requests a second, {_named(name)}",
                0,
                {
                    "offered": Spread.of([self.offered(stretches=[number])]),
                    "ours": Spread.of([self.served(stretches=[number])]),
                },
            )

    def _rates(self) -> str:
        rows = []
        for number, (name, seconds, _) in enumerate(self.stretches):
            counts = [self._count((outcome,), [number]) / seconds for outcome in Outcome]
            rows.append(
                (
                    _named(name),
                    f"{self.offered(stretches=[number]):,.0f}",
                    *(f"{count:,.0f}" for count in counts),
                )
            )
        return table(("a second", "offered", *(outcome.name.lower() for outcome in Outcome)), rows)

    def _kinds(self, stretch: int) -> str:
        rows = []
        for kind, title in enumerate(KINDS):
            for outcome in (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.SHED):
                seen = self.load.latencies(stretches=[stretch], kinds=[kind], outcomes=[outcome])
                if seen.count:
                    rows.append((title, outcome.name.lower(), f"{seen.count:,}", *_spread(seen)))
        return table(("", "", "requests", "p50", "p99", "p99.9", "longest"), rows)

    def _words(self) -> str:
        return table(
            ("answer", "times"),
            [(word, f"{times:,}") for word, times in sorted(self.facts.words.items())],
        )

    def _costs(self) -> str:
        parts = list(self.costs[0].cpu_seconds)
        rows = [
            (part, *(f"{cost.cpu_seconds[part] / cost.seconds:.2f}" for cost in self.costs))
            for part in parts
        ]
        total = [sum(cost.cpu_seconds.values()) / cost.seconds for cost in self.costs]
        rows.append(("all of it", *(f"{cores:.2f}" for cores in total)))
        return table(("part", *(_named(cost.stretch) for cost in self.costs)), rows)

    def _count(self, outcomes: Sequence[Outcome], stretches: Sequence[int]) -> int:
        return self.load.latencies(stretches=stretches, outcomes=outcomes).count

    def _seconds(self, stretches: Sequence[int]) -> float:
        return sum(self.stretches[number][1] for number in stretches)


def _below(what: str, ms: float | None, most: float) -> Goal:
    return Goal(what, _ms(ms), Target(f"under {most:g} ms", ms is not None and ms < most))


def _spread(seen: Latencies) -> tuple[str, ...]:
    return tuple(_ms(seen.at(share)) for share in (0.5, 0.99, 0.999, 1.0))


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{value:,.1f} ms"


def _named(stretch: str) -> str:
    """As `before it`, `in the surge`, or `at the opening`."""
    return {"surge": "in the surge", OPENING: "at the opening"}.get(stretch, f"{stretch} it")
