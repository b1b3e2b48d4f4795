"""A deal's gate as a whole: opening and rebuilding it, its terms, its allotment, its counters."""

from collections.abc import Sequence
from typing import Any

import orjson

from inventory.answers import Counters, GateSnapshot, read_answer
from inventory.gate import Gate, refusal, token
from inventory.keys import DealKeys
from inventory.scripts import Call


class Terms(Gate):
    """What operators and rebuilds do to a gate, and what everybody may read of it."""

    async def rebuild(self, snapshot: GateSnapshot) -> Counters:
        """Open a deal's gate from what Postgres knows; also for the first time.

        Living holds, and claims of orders that Postgres does not know, are kept as far as they
        fit; holds are evicted before claims (protocol rule 6). Where a gate of this epoch or a
        later one is open already, its counters are the answer and nothing is written. Versions
        begin at 1. Takes time in proportion to the deal's holds and orders. May be repeated.

        Raises:
            GateUnreadable: what there is cannot be read; close it, then repeat.
            redis.RedisError: outcome unknown; repeat under a higher epoch.
        """
        keys = DealKeys(snapshot.deal_id)
        fields = {
            "revision": snapshot.revision,
            "opens": snapshot.opens_ms,
            "closes": snapshot.closes_ms,
            "limit": snapshot.limit,
            "state": _state(paused=snapshot.paused),
            "run_id": snapshot.run_id,
            "ledger_seq": snapshot.ledger_seq,
        }
        answer = await self._run(
            "rebuild",
            snapshot.deal_id,
            keys.all,
            (
                snapshot.epoch,
                orjson.dumps(fields),
                snapshot.allotment,
                snapshot.sold,
                orjson.dumps(list(snapshot.claims)),
                orjson.dumps(dict(snapshot.ranks)),
                orjson.dumps(dict(snapshot.bought)),
            ),
        )
        match answer.word:
            case "REBUILT" | "NEWER":
                return answer.counters
            case word:
                raise AssertionError(f"rebuild answered {word}")

    async def set_terms(
        self,
        deal_id: str,
        *,
        epoch: int,
        revision: int,
        opens_ms: int,
        closes_ms: int,
        limit: int,
        paused: bool,
    ) -> bool:
        """Tell the gate a deal's window (Unix ms), purchase limit and pause; True if they are news.

        Only a revision above the gate's counts, so terms may be repeated and come in any order.

        Raises:
            StaleEpoch: nothing was written.
        """
        keys = DealKeys(deal_id)
        answer = await self._run(
            "set_terms",
            deal_id,
            (keys.stock,),
            (epoch, revision, opens_ms, closes_ms, limit, _state(paused=paused)),
        )
        match answer.word:
            case "APPLIED":
                return True
            case "OLD_REVISION":
                return False
            case "STALE_EPOCH":
                raise refusal(keys, answer)
            case word:
                raise AssertionError(f"set_terms answered {word}")

    async def adjust_stock(
        self, deal_id: str, delta: int, *, epoch: int, operation_id: str, ledger_seq: int = 0
    ) -> Counters:
        """Give a deal `delta` more units, or take away as many that are neither held nor sold.

        May be repeated with the same `operation_id`: it is applied once. `ledger_seq` is the entry
        of units that Postgres gave first: a gate that was rebuilt from it has counted them.

        Raises:
            BelowHeldAndSold, StaleEpoch: nothing was written.
            redis.RedisError: outcome unknown; repeat with the same `operation_id`.
        """
        assert delta != 0
        keys = DealKeys(deal_id)
        answer = await self._run(
            "adjust_stock", deal_id, (keys.stock,), (epoch, delta, token(operation_id), ledger_seq)
        )
        match answer.word:
            case "ADJUSTED":
                return answer.counters
            case "BELOW_HELD_AND_SOLD" | "STALE_EPOCH":
                raise refusal(keys, answer)
            case word:
                raise AssertionError(f"adjust_stock answered {word}")

    async def read(self, deal_ids: Sequence[str]) -> dict[str, Counters | None]:
        """The counters of each deal in one round trip; None where no usable gate is open."""
        calls = [Call("read", (DealKeys(deal_id).stock,)) for deal_id in deal_ids]
        raws = await self._scripts.run_all(calls)
        found: dict[str, Counters | None] = {}
        for deal_id, raw in zip(deal_ids, raws, strict=True):
            found[deal_id] = None if isinstance(raw, Exception) else _counters(deal_id, raw)
        return found

    async def close(self, deal_id: str) -> None:
        """Remove a gate that cannot be read, or whose deal Postgres does not have any more.

        May be repeated.
        """
        await self._redis.unlink(*DealKeys(deal_id).all)

    async def run_id(self) -> str:
        """The id of the Redis server's present life, which a snapshot records."""
        return await self._scripts.run_id()


def _counters(deal_id: str, raw: Sequence[Any]) -> Counters | None:
    """What `read` answered for one deal; None also where a counter is no number."""
    try:
        answer = read_answer(deal_id, raw)
    except ValueError:
        return None
    match answer.word:
        case "OPEN":
            return answer.counters
        case "MISSING":
            return None
        case word:
            raise AssertionError(f"read answered {word}")


def _state(*, paused: bool) -> str:
    return "PAUSED" if paused else "OPEN"
