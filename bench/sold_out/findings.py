"""What W7 found, as plain values, and what they tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.chart import Panel
from bench.commands import Commands
from bench.contenders import OURS, RAW_POST
from bench.goals import Goal, Target, at_least_times, at_most
from bench.tables import ms
from bench.throughput import Turn, about_generator, rate, rates
from bench.workload import Section

_MOST_COMMANDS: Final = 0.01
_MOST_BACK_MS: Final = 250
UNSAID: Final = (
    "The limits per address and per buyer are set out of the way: a real crowd is also slowed.",
    (
        "Requests without an idempotency key only: one with a key always asks the gate, and costs"
        " what an accepted one costs."
    ),
    "The same buyers come many times a second, so that their sessions are in memory.",
)


@dataclass(frozen=True, slots=True)
class BackOnSale:
    """What came of holds that lapsed at one moment, `spread_ms` from the first to the last.

    `after_ms` is from the first lapse to the first accepted answer, as the buyer saw it.
    """

    holds: int
    after_ms: float | None
    spread_ms: float
    accepted: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldOutFound:
    """W7 as a whole. `commands` are all that Redis did during our turns, also inside scripts."""

    turns: dict[str, list[Turn]]
    refusals: int
    commands: int
    calls: dict[str, int]
    back: BackOnSale
    buyers: int
    bytes: int

    def goals(self) -> Iterator[Goal]:
        """The rate beside bytes; Redis left alone; back at once."""
        yield at_least_times(
            "W7: refusals a second beside raw POST",
            rate(self.turns[OURS]),
            rate(self.turns[RAW_POST]),
            first=0.5,
            then=0.8,
        )
        each = self.commands / max(self.refusals, 1)
        yield Goal(
            "W7: commands in Redis for each refusal",
            f"{each:.4f}",
            Target(f"at most {_MOST_COMMANDS:g}", each <= _MOST_COMMANDS),
        )
        yield at_most(
            "W7: first unit sold after a hold lapsed", self.back.after_ms, then=_MOST_BACK_MS,
            unit="ms",
        )  # fmt: skip

    def sections(self) -> Iterator[Section]:
        """Refusals, then the lapse."""
        back, turns = self.back, len(self.turns[OURS])
        yield Section(
            "W7: sold out",
            [
                (
                    f"{self.buyers} buyers over and over, from 32 connections of wrk, ask for a"
                    " deal of which all units are held, without idempotency keys; beside the same"
                    f" {self.bytes:,} bytes from a bare application that reads the request; in"
                    f" turns A B B A, {turns} turns each: median (least-most). Only refusals"
                    " count; nobody was accepted."
                ),
                rates(self.turns, what="refused"),
                about_generator(self.turns),
                (
                    "What Redis did for each refusal, inside scripts and outside:"
                    f" {Commands(self.calls).told(self.refusals, digits=4)}."
                ),
                (
                    f"Then {back.holds} holds lapsed within {back.spread_ms:,.0f} ms while the"
                    f" crowd went on: the first unit was sold {ms(back.after_ms)} after the first"
                    f" lapse; in all {back.accepted:,} were accepted and {back.refused:,} refused."
                ),
            ],
        )

    def panels(self) -> Iterator[Panel]:
        """Refusals a second."""
        yield Panel(
            "W7: sold out, refusals a second (more is better)",
            0,
            {name: rate(taken) for name, taken in self.turns.items()},
        )
