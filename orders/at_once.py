"""Adding to a cart in one script, where one server has all the keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from redis.asyncio import Redis

from admission.errors import RateLimited
from admission.limiter import PARTS, Subject
from inventory import scripts
from inventory.answers import HoldAnswer
from inventory.carts import CART_LIFE, MOST_DEALS, ordered
from inventory.errors import CartFull, KeyReused
from inventory.gate import Gate, refusal, token, whole_ms
from inventory.holds import told_hold
from inventory.keys import DealKeys, cart_key, request_key

LUA: Final = Path(__file__).parent / "lua"

Mode = Literal["add", "set"]


@dataclass(frozen=True, slots=True)
class Addition:
    """What a buyer asks for. A key is remembered for `key_life`; `operation_id` makes it one."""

    deal_id: str
    user_id: str
    units: int
    mode: Mode
    operation_id: str
    key: str | None
    key_life: timedelta
    hold_for: timedelta

    @property
    def fingerprint(self) -> str:
        """What a request with the same key has to be equal in."""
        return "" if self.key is None else f"{self.deal_id}:{self.units}"


@dataclass(frozen=True, slots=True)
class Added(HoldAnswer):
    """What came of it. `entries` are the cart's deals in order of adding.

    `hold` is None where the key has succeeded before (`was_done`). Where `open_checkout` is set and
    the hold has changed, that checkout is superseded, and after that the key is to be finished.
    """

    entries: Sequence[str]
    open_checkout: str | None
    was_done: bool


class AddAtOnce(Gate):
    """Counts the attempt, notes the deal and its key, and holds the units, in one round trip.

    What came of it is what the limiter, the cart index and the stock would have answered one after
    the other. Its keys have different hash tags: not for a cluster.
    """

    def __init__(self, redis: Redis, *, longest_hold: timedelta) -> None:
        texts = scripts.read_texts(LUA, parts_from=(PARTS,))
        super().__init__(redis, longest_hold=longest_hold, scripts=scripts.Scripts(redis, texts))
        self._is_possible: bool | None = None

    async def is_possible(self) -> bool:
        """Whether one server has all the keys; asked once.

        Raises:
            redis.RedisError: it did not say.
        """
        if self._is_possible is None:
            self._is_possible = not (await self._redis.info("cluster"))["cluster_enabled"]
        return self._is_possible

    async def add(self, wanted: Addition, *, epoch: int, counted: Sequence[Subject]) -> Added:
        """Add, counting one attempt of each of `counted`. May be repeated, with none of them.

        Raises:
            RateLimited: nothing was written, nor counted.
            KeyReused, CartFull, SoldOut, PurchaseLimitReached, DealNotLive, StaleEpoch: the attempt
                is counted, nothing else was written.
            GateUnreadable: something cannot be read; nothing is counted.
            redis.RedisError: outcome unknown; repeat with the same `operation_id`.
        """
        assert wanted.units > 0
        assert timedelta() < wanted.hold_for <= self._longest_hold
        keys = DealKeys(wanted.deal_id)
        answer = await self._run(
            "add_to_cart",
            wanted.deal_id,
            (
                keys.stock,
                keys.holds,
                keys.due,
                keys.bought,
                cart_key(wanted.user_id),
                request_key(wanted.user_id, wanted.key),
                *(subject for subject, _ in counted),
            ),
            (
                epoch,
                wanted.user_id,
                wanted.units,
                wanted.mode,
                token(wanted.operation_id),
                whole_ms(wanted.hold_for),
                wanted.deal_id,
                wanted.fingerprint,
                whole_ms(wanted.key_life),
                MOST_DEALS,
                whole_ms(CART_LIFE),
                ",".join(figures.packed for _, figures in counted),
            ),
        )
        match answer.word:
            case "CHANGED" | "UNCHANGED" as word:
                cart, checkout, *hold = answer.rest
                told = told_hold(keys, wanted.user_id, hold, answer, changed=word == "CHANGED")
                return _added(told, cart, checkout, wanted.deal_id)
            case "DONE":
                told = HoldAnswer(answer.counters, None, answer.lapsed, changed=False)
                return _added(told, answer.rest[0], "")
            case "RATE_LIMITED":
                raise RateLimited(answer.rest[0])
            case "KEY_REUSED":
                raise KeyReused
            case "CART_FULL":
                raise CartFull(MOST_DEALS)
            case "STALE_EPOCH" | "NOT_LIVE" | "OVER_LIMIT" | "SOLD_OUT":
                raise refusal(keys, answer)
            case word:
                raise AssertionError(f"add_to_cart answered {word}")


def _added(
    told: HoldAnswer, cart: Sequence[str], checkout: str, deal_id: str | None = None
) -> Added:
    """What was told, with the deals of a cart to which one may have been added."""
    entries = list(ordered(dict(zip(cart[::2], cart[1::2], strict=True))))
    if deal_id is not None and deal_id not in entries:
        entries.append(deal_id)
    was_done = deal_id is None
    return Added(
        told.counters, told.hold, told.lapsed, told.changed, entries, checkout or None, was_done
    )
