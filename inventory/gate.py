"""What every operation at a deal's gate stands on."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from inventory.answers import Answer, read_answer
from inventory.errors import (
    BelowHeldAndSold,
    DealNotLive,
    GateRefusal,
    GateUnreadable,
    HoldLapsed,
    PurchaseLimitReached,
    SoldOut,
    StaleEpoch,
)
from inventory.keys import DealKeys
from inventory.scripts import Call, Scripts, is_unreadable

# 72 bits tell two operations of one hold apart; the scripts count on 12 characters.
_TOKEN_BYTES = 9


class Gate:
    """Runs scripts at the gates of deals, and turns what they refuse into errors."""

    def __init__(
        self, redis: Redis, *, longest_hold: timedelta, scripts: Scripts | None = None
    ) -> None:
        self._redis = redis
        self._scripts = scripts or Scripts(redis)
        self._longest_hold = longest_hold

    async def _run(
        self,
        script: str,
        deal_id: str,
        keys: Sequence[str],
        arguments: Sequence[str | int | bytes],
    ) -> Answer:
        """What a script answers, whatever its word.

        Raises:
            GateUnreadable: it failed at what the deal's keys hold.
        """
        try:
            raw = await self._scripts.run(Call(script, keys, arguments))
        except (ResponseError, UnicodeDecodeError) as error:
            if not is_unreadable(error):
                raise
            raise GateUnreadable(deal_id) from error
        try:
            return read_answer(deal_id, raw)
        except ValueError as error:
            raise GateUnreadable(deal_id) from error


def refusal(keys: DealKeys, answer: Answer) -> GateRefusal:
    """The error behind a word with which a script refuses."""
    error: GateRefusal
    match answer.word:
        case "STALE_EPOCH":
            error = StaleEpoch(keys.deal_id, answer.gate_epoch)
        case "SOLD_OUT":
            error = SoldOut(keys.deal_id, answer.counters.available)
        case "OVER_LIMIT":
            limit, already_yours = answer.rest
            error = PurchaseLimitReached(keys.deal_id, limit, already_yours)
        case "NOT_LIVE":
            error = DealNotLive(keys.deal_id)
        case "LAPSED":
            error = HoldLapsed(keys.deal_id)
        case "BELOW_HELD_AND_SOLD":
            error = BelowHeldAndSold(keys.deal_id, answer.counters.available)
        case word:
            raise AssertionError(f"a script answered {word}")
    if answer.gate_epoch is not None:
        error.counters = answer.counters
    error.lapsed = answer.lapsed
    return error


def token(operation_id: str) -> str:
    """An operation id of any length as the 12 characters that a gate remembers."""
    digest = hashlib.blake2b(operation_id.encode(), digest_size=_TOKEN_BYTES).digest()
    return urlsafe_b64encode(digest).decode()


def whole_ms(duration: timedelta) -> int:
    """A duration in whole milliseconds."""
    return duration // timedelta(milliseconds=1)
