"""What W3 found, as plain values, and what they tell."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from bench.ceiling import Ceiling
from bench.chart import Panel
from bench.commands import Commands
from bench.contenders import RAW_POST
from bench.goals import Goal, Target, at_least_times
from bench.throughput import Turn, about_generator, rate, rates
from bench.workload import Section

HOT: Final = "ours, one deal"
COLD: Final = "ours, many deals"
# A request whose answer was under way when the turn ended ran its script and was not counted.
_ONE: Final = (0.995, 1.01)
UNSAID: Final = (
    (
        "The limits per address and per buyer are set out of the way: all buyers come from one"
        " address here."
    ),
    (
        "Each buyer comes once in some seconds, so every request finds its session in Postgres or"
        " in the memory of a few seconds, as in the first rush of a drop."
    ),
    "Nobody listens to the carts' and the stock's announcements but the server itself.",
    (
        "redis-benchmark repeats one call of our script with other buyers' ids: it is what Redis"
        " could do with clients that cost nothing."
    ),
)


@dataclass(slots=True)
class Redis:
    """What Redis did for the requests to ours, over all turns."""

    requests: int = 0
    scripts: int = 0
    calls: dict[str, int] = field(default_factory=dict)

    def add(self, seen: Commands, requests: int) -> None:
        """One turn more."""
        self.requests += requests
        self.scripts += seen.scripts
        for name, calls in seen.calls.items():
            self.calls[name] = self.calls.get(name, 0) + calls

    @property
    def scripts_each(self) -> float:
        """Scripts for each request."""
        return self.scripts / max(self.requests, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToCartFound:
    """W3 as a whole. `bytes` is the length of an answer."""

    turns: dict[str, list[Turn]]
    redis: Redis
    ceiling: Ceiling | None
    buyers: int
    deals: int
    bytes: int

    def goals(self) -> Iterator[Goal]:
        """Hot as fast as cold; beside bytes; one script each."""
        hot, cold, raw = (rate(self.turns[name]) for name in (HOT, COLD, RAW_POST))
        yield at_least_times(
            f"W3: accepted a second on one deal beside {self.deals:,} deals", hot, cold, first=0.95
        )
        yield at_least_times(
            "W3: accepted a second on one deal beside raw POST", hot, raw, first=0.15, then=0.3
        )
        each = self.redis.scripts_each
        least, most = _ONE
        yield Goal(
            "W3: scripts in Redis for each request",
            f"{each:.2f}",
            Target("exactly 1", least <= each <= most),
        )

    def sections(self) -> Iterator[Section]:
        """Rates, Redis, the ceiling."""
        turns = len(self.turns[HOT])
        told = self.redis
        parts = [
            (
                f"{self.buyers:,} buyers in turn, each request another one with a key of its own,"
                f" from 32 connections of wrk: one deal, or {self.deals:,} deals in turn, beside"
                f" the same {self.bytes:,} bytes from a bare application that reads the request;"
                f" in turns A B C C B A, {turns} turns each: median (least-most). Only accepted"
                " requests count."
            ),
            rates(self.turns, ours=HOT, what="accepted"),
            about_generator(self.turns),
            (
                "What Redis did for each request to ours, inside scripts and outside:"
                f" {Commands(told.calls).told(told.requests)}."
            ),
        ]
        if self.ceiling is not None:
            rates_ = ", ".join(
                f"{rate_:,.0f} a second at depth {depth}"
                for depth, rate_ in self.ceiling.per_second.items()
            )
            parts.append(f"Our script alone, by redis-benchmark from 32 connections: {rates_}.")
        yield Section("W3: addToCart", parts)

    def panels(self) -> Iterator[Panel]:
        """Accepted a second."""
        yield Panel(
            "W3: addToCart, accepted a second (more is better)",
            0,
            {name: rate(taken) for name, taken in self.turns.items()},
        )
