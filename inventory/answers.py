"""What the scripts are told and what they answer, as Python sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

HoldState = Literal["HELD", "FROZEN"]
SettledWord = Literal["APPLIED", "OLD_RANK", "NEWER_EPOCH", "OLDER_OR_MISSING", "UNKNOWN_CLAIM"]

# word, epoch, version, allotment, available, held, committed, now_ms, lapsed, then the rest.
_HEAD = 9
# Lua counts exactly up to here; a gate that has more of anything was not written by our scripts.
_MOST = 2**53


@dataclass(frozen=True, slots=True)
class Counters:
    """A deal's units at one version: allotment = available + held + committed."""

    deal_id: str
    epoch: int
    version: int
    allotment: int
    available: int
    held: int
    committed: int
    as_of_ms: int

    @property
    def order(self) -> tuple[int, int]:
        """What counters are ordered by, over rebuilds: the higher is the newer."""
        return (self.epoch, self.version)


@dataclass(frozen=True, slots=True)
class Hold:
    """Units set aside for one buyer until a deadline, Unix ms by the server's clock."""

    deal_id: str
    buyer_id: str
    units: int
    state: HoldState
    deadline_ms: int
    checkout_id: str | None


@dataclass(frozen=True, slots=True)
class HoldAnswer:
    """What came of a change: counters after it, the buyer's hold, and whose holds lapsed.

    `changed` is what the operation did when it first ran, also in the answer to a repeat.
    """

    counters: Counters
    hold: Hold | None
    lapsed: tuple[str, ...]
    changed: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """Whether a message from Postgres was applied; counters are None where no gate is open."""

    word: SettledWord
    counters: Counters | None


@dataclass(frozen=True, slots=True)
class GateSnapshot:
    """All that Postgres knows of a deal, read after its epoch was raised (protocol rule 5).

    claims: (order id, buyer id, units, rank) of orders that own their units and are not paid.
    ranks: the rank of every other order. bought: units that each buyer has claimed or bought.
    ledger_seq: the last ledger entry that `allotment` counts.
    """

    deal_id: str
    epoch: int
    revision: int
    allotment: int
    sold: int
    opens_ms: int
    closes_ms: int
    limit: int
    paused: bool
    claims: Sequence[tuple[str, str, int, int]]
    ranks: Mapping[str, int]
    bought: Mapping[str, int]
    run_id: str
    ledger_seq: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One script's answer: a word, the counters behind it, and what that word brings along."""

    word: str
    counters: Counters
    lapsed: tuple[str, ...]
    rest: tuple[Any, ...]

    @property
    def gate_epoch(self) -> int | None:
        """The epoch that the gate has, whether or not it is usable; None: there is no gate."""
        return self.counters.epoch if self.counters.epoch >= 0 else None


def read_answer(deal_id: str, raw: Sequence[Any]) -> Answer:
    """The answer of a script that has a gate.

    Raises:
        ValueError: a counter of the gate is no number, or none that a script wrote.
    """
    word, epoch, version, allotment, available, held, committed, now_ms, lapsed = raw[:_HEAD]
    counted = (epoch, version, allotment, available, held, committed)
    if epoch < -1 or any(abs(number) > _MOST for number in counted):
        raise ValueError(f"no gate has counters {counted}")
    return Answer(
        word,
        Counters(deal_id, epoch, version, allotment, available, held, committed, now_ms),
        tuple(lapsed),
        tuple(raw[_HEAD:]),
    )


def hold_of(
    deal_id: str, buyer_id: str, units: int, state: str, deadline_ms: int, checkout_id: str
) -> Hold | None:
    """The hold that a script told of; None when it has no units any more."""
    if units == 0:
        return None
    return Hold(
        deal_id, buyer_id, units, cast("HoldState", state), deadline_ms, checkout_id or None
    )


def unpack_hold(deal_id: str, buyer_id: str, packed: str) -> Hold | None:
    """The hold that a field of the holds hash keeps; see inventory/lua/shared/holds.lua."""
    units, state, deadline_ms, checkout_id, _ = packed.split("|")
    return hold_of(deal_id, buyer_id, int(units), state, int(deadline_ms), checkout_id)
