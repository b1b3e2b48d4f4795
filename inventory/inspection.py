"""Looking at a whole gate: for comparing it with Postgres, and for removing it when it is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from inventory.answers import Answer, Counters
from inventory.gate import Gate
from inventory.keys import DealKeys

Place = Literal["CLAIMED", "SOLD", "FREED"]


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
        """
        answer = await self._run("dump", deal_id, DealKeys(deal_id).all, (most,))
        match answer.word:
            case "WHOLE":
                return _dumped(answer, _contents(*answer.rest[1:]))
            case "TOO_MANY":
                return _dumped(answer, None)
            case "MISSING":
                return None
            case word:
                raise AssertionError(f"dump answered {word}")

    async def close_gate(self, deal_id: str) -> bool:
        """Remove the gate of a deal that is over; False while units are held or claimed there.

        May be repeated. Nothing is lost by it: a late message has the gate opened once more.
        """
        answer = await self._run("close_gate", deal_id, DealKeys(deal_id).all, ())
        match answer.word:
            case "CLOSED":
                return True
            case "IN_USE":
                return False
            case word:
                raise AssertionError(f"close_gate answered {word}")


def _dumped(answer: Answer, contents: GateContents | None) -> GateDump:
    revision, opens_ms, closes_ms, limit, state = answer.rest[0]
    return GateDump(
        counters=answer.counters,
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
        due={buyer: int(float(score)) for buyer, score in _pairs(due)},
        claims={order: _claim(packed) for order, packed in _pairs(claims)},
        bought={buyer: int(units) for buyer, units in _pairs(bought)},
        unconfirmed={order: int(float(score)) for order, score in _pairs(unconfirmed)},
    )


def _pairs(flat: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _hold(packed: str) -> GateHold:
    units, _, deadline_ms, _ = packed.split("|", 3)
    return GateHold(int(units), int(deadline_ms))


def _claim(packed: str) -> GateClaim:
    units, rank, place, buyer_id = packed.split("|", 3)
    return GateClaim(buyer_id, int(units), int(rank), cast("Place", place))
