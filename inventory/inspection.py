"""Looking at a whole gate: for comparing it with Postgres, and for removing it when it is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from inventory.answers import Answer, Counters
from inventory.errors import GateUnreadable
from inventory.gate import Gate
from inventory.keys import DealKeys

Place = Literal["CLAIMED", "SOLD", "FREED"]

_PLACES: Final = ("CLAIMED", "SOLD", "FREED")
# What Postgres can count; a gate that says more was not written by our scripts.
_MOST_UNITS: Final = 2**31 - 1
# Deadlines beyond what Lua counts exactly, as infinity, are all as far away as this.
_FURTHEST_MS: Final = 2**53


@dataclass(frozen=True, slots=True)
class GateClaim:
    """An order as the gate knows it; one that came with a rebuild, paid or freed, has 0 units."""

    buyer_id: str
    units: int
    rank: int
    place: Place


@dataclass(frozen=True, slots=True)
class GateHold:
    """Units of one buyer (0: given back a moment ago), and until when, Unix ms."""

    units: int
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class GateContents:
    """Everything at one version. `due` and `unconfirmed`: Unix ms by buyer and by order."""

    holds: Mapping[str, GateHold]
    due: Mapping[str, int]
    claims: Mapping[str, GateClaim]
    bought: Mapping[str, int]
    unconfirmed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class GateDump:
    """A gate at one version; `contents` is None where there is more than was asked for."""

    counters: Counters
    revision: int
    opens_ms: int
    closes_ms: int
    limit: int
    paused: bool
    contents: GateContents | None


class Inspection(Gate):
    """What reconciliation does at a gate."""

    async def dump(self, deal_id: str, *, most: int) -> GateDump | None:
        """All that a gate knows, in one snapshot; None where no usable gate is open.

        Blocks the server in proportion to the deal's holds and claims: about a millisecond for a
        thousand. With more than `most` of them only counters and terms are read.

        Raises:
            GateUnreadable: there is a gate, and what it says cannot be understood.
        """
        answer = await self._run("dump", deal_id, DealKeys(deal_id).all, (most,))
        try:
            match answer.word:
                case "WHOLE":
                    return _dumped(answer, _contents(*answer.rest[1:]))
                case "TOO_MANY":
                    return _dumped(answer, None)
                case "MISSING":
                    return None
                case word:
                    raise AssertionError(f"dump answered {word}")
        except ValueError as error:
            raise GateUnreadable(deal_id) from error

    async def close_gate(self, deal_id: str) -> bool:
        """Remove the gate of a deal that is over; False while units are held or claimed there.

        May be repeated. Nothing is lost by it: a late message has the gate opened once more. One
        that cannot be read has nothing that anybody could use, and is removed.
        """
        keys = DealKeys(deal_id).all
        try:
            answer = await self._run("close_gate", deal_id, keys, ())
        except GateUnreadable:
            await self._redis.unlink(*keys)
            return True
        match answer.word:
            case "CLOSED":
                return True
            case "IN_USE":
                return False
            case word:
                raise AssertionError(f"close_gate answered {word}")


def _dumped(answer: Answer, contents: GateContents | None) -> GateDump:
    revision, opens_ms, closes_ms, limit, state = answer.rest[0]
    if revision is None:
        raise ValueError("a gate without a revision")
    counters = answer.counters
    for units in (counters.allotment, counters.available, counters.held, counters.committed):
        _units(units)
    return GateDump(
        counters=counters,
        revision=int(revision),
        opens_ms=opens_ms,
        closes_ms=closes_ms,
        limit=limit,
        paused=state != "OPEN",
        contents=contents,
    )


def _contents(
    holds: Sequence[str],
    due: Sequence[str],
    claims: Sequence[str],
    bought: Sequence[str],
    unconfirmed: Sequence[str],
) -> GateContents:
    return GateContents(
        holds={buyer: _hold(packed) for buyer, packed in _pairs(holds)},
        due={buyer: _ms(score) for buyer, score in _pairs(due)},
        claims={order: _claim(packed) for order, packed in _pairs(claims)},
        bought={buyer: _units(units) for buyer, units in _pairs(bought)},
        unconfirmed={order: _ms(score) for order, score in _pairs(unconfirmed)},
    )


def _pairs(flat: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _hold(packed: str) -> GateHold:
    units, _, deadline_ms, _ = packed.split("|", 3)
    return GateHold(_units(units), int(deadline_ms))


def _claim(packed: str) -> GateClaim:
    units, rank, place, buyer_id = packed.split("|", 3)
    if place not in _PLACES:
        raise ValueError(f"no claim is {place}")
    return GateClaim(buyer_id, _units(units), int(rank), cast("Place", place))


def _units(told: str | int) -> int:
    units = int(told)
    if abs(units) > _MOST_UNITS:
        raise ValueError(f"no deal has {units} units")
    return units


def _ms(score: str) -> int:
    return int(max(-_FURTHEST_MS, min(float(score), _FURTHEST_MS)))
