"""Holds: units set aside for a buyer, until they are claimed, given back, or lapse."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from inventory.answers import Answer, Hold, HoldAnswer, hold_of, unpack_hold
from inventory.gate import Gate, refusal, token, whole_ms
from inventory.keys import DealKeys
from inventory.scripts import is_unreadable

# One call blocks the server for as long as this many holds take: about a millisecond.
MOST_LAPSED = 1000


class Holds(Gate):
    """The life of a hold before it becomes a claim."""

    async def set_hold(
        self,
        deal_id: str,
        buyer_id: str,
        quantity: int,
        *,
        mode: Literal["add", "set"],
        epoch: int,
        operation_id: str,
        hold_for: timedelta,
    ) -> HoldAnswer:
        """Hold `quantity` units more (add), or make the hold this many units (set).

        A new hold lasts `hold_for`; changing it never moves its deadline, nor thaws a frozen one,
        but takes it out of its checkout. Only a hold that grows needs a live deal. May be
        repeated with the same `operation_id`: the first answer stands.

        Raises:
            SoldOut, PurchaseLimitReached, DealNotLive, StaleEpoch: nothing was written.
            redis.RedisError: outcome unknown; repeat with the same `operation_id`.
        """
        assert quantity > 0
        assert timedelta() < hold_for <= self._longest_hold
        keys = DealKeys(deal_id)
        answer = await self._run(
            "set_hold",
            deal_id,
            (keys.stock, keys.holds, keys.due, keys.bought),
            (epoch, buyer_id, quantity, mode, token(operation_id), whole_ms(hold_for)),
        )
        match answer.word:
            case "CHANGED" | "UNCHANGED" as word:
                return told_hold(keys, buyer_id, answer.rest, answer, changed=word == "CHANGED")
            case "STALE_EPOCH" | "NOT_LIVE" | "OVER_LIMIT" | "SOLD_OUT":
                raise refusal(keys, answer)
            case word:
                raise AssertionError(f"set_hold answered {word}")

    async def give_back_hold(
        self, deal_id: str, buyer_id: str, *, epoch: int, operation_id: str
    ) -> HoldAnswer:
        """Give all units of a hold back, also when Redis is full; `hold` is None in the answer.

        May be repeated with the same `operation_id`: the first answer stands.

        Raises:
            StaleEpoch: nothing was written.
            redis.RedisError: outcome unknown; repeat with the same `operation_id`.
        """
        keys = DealKeys(deal_id)
        answer = await self._run(
            "give_back_hold",
            deal_id,
            (keys.stock, keys.holds, keys.due),
            (epoch, buyer_id, token(operation_id)),
        )
        match answer.word:
            case "CHANGED" | "UNCHANGED" as word:
                return told_hold(keys, buyer_id, answer.rest, answer, changed=word == "CHANGED")
            case "STALE_EPOCH":
                raise refusal(keys, answer)
            case word:
                raise AssertionError(f"give_back_hold answered {word}")

    async def freeze_hold(
        self, deal_id: str, buyer_id: str, *, epoch: int, checkout_id: str, cap: timedelta
    ) -> HoldAnswer:
        """Freeze a hold for a checkout. Only the first freezing moves the deadline, to now + `cap`.

        A later checkout takes the frozen hold over. May be repeated.

        Raises:
            HoldLapsed, DealNotLive, StaleEpoch: nothing was written.
            redis.RedisError: outcome unknown; repeat.
        """
        assert timedelta() < cap <= self._longest_hold
        keys = DealKeys(deal_id)
        answer = await self._run(
            "freeze_hold",
            deal_id,
            (keys.stock, keys.holds, keys.due),
            (epoch, buyer_id, checkout_id, whole_ms(cap)),
        )
        match answer.word:
            case "FROZEN":
                return told_hold(keys, buyer_id, answer.rest, answer, changed=True)
            case "STALE_EPOCH" | "NOT_LIVE" | "LAPSED":
                raise refusal(keys, answer)
            case word:
                raise AssertionError(f"freeze_hold answered {word}")

    async def lapse_holds(self, deal_id: str, *, limit: int) -> HoldAnswer | None:
        """Give at most `limit` due holds back to the stock; None where no gate is open.

        Also clips deadlines further away than the longest hold: the clock had jumped. May be
        repeated.
        """
        assert 0 < limit <= MOST_LAPSED
        keys = DealKeys(deal_id)
        answer = await self._run(
            "lapse_holds",
            deal_id,
            (keys.stock, keys.holds, keys.due),
            (limit, whole_ms(self._longest_hold)),
        )
        match answer.word:
            case "SWEPT":
                return HoldAnswer(answer.counters, None, answer.lapsed, bool(answer.lapsed))
            case "MISSING":
                return None
            case word:
                raise AssertionError(f"lapse_holds answered {word}")

    async def due_soon(self, deal_id: str, within: timedelta, limit: int) -> list[tuple[str, int]]:
        """Buyer and deadline (Unix ms) of holds that lapse within a duration, earliest first."""
        assert 0 < limit <= MOST_LAPSED
        keys = DealKeys(deal_id)
        answer = await self._run(
            "due_soon", deal_id, (keys.stock, keys.holds, keys.due), (whole_ms(within), limit)
        )
        match answer.word:
            case "LISTED":
                return list(zip(answer.rest[::2], answer.rest[1::2], strict=True))
            case "MISSING":
                return []
            case word:
                raise AssertionError(f"due_soon answered {word}")

    async def read_holds(self, buyer_id: str, deal_ids: Sequence[str]) -> dict[str, Hold]:
        """The holds of one buyer that live by the server's clock, by deal, in one round trip.

        One that cannot be read is lost.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            for deal_id in deal_ids:
                pipe.hget(DealKeys(deal_id).holds, buyer_id)
            answers = await pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and not is_unreadable(answer):
                raise answer
        (seconds, micros), *packed = answers
        now_ms = seconds * 1000 + micros // 1000
        found = {}
        for deal_id, field in zip(deal_ids, packed, strict=True):
            hold = _read_hold(deal_id, buyer_id, field)
            if hold is not None and hold.deadline_ms > now_ms:
                found[deal_id] = hold
        return found


def _read_hold(deal_id: str, buyer_id: str, field: str | Exception | None) -> Hold | None:
    if field is None or isinstance(field, Exception):
        return None
    try:
        return unpack_hold(deal_id, buyer_id, field)
    except ValueError:
        return None


def told_hold(
    keys: DealKeys, buyer_id: str, hold: Sequence[Any], answer: Answer, *, changed: bool
) -> HoldAnswer:
    """What a script told that answers with a buyer's hold: units, state, deadline ms, checkout."""
    return HoldAnswer(
        answer.counters, hold_of(keys.deal_id, buyer_id, *hold), answer.lapsed, changed
    )
