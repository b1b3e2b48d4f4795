"""Claims: the units of an order, from the frozen hold to the sale or back (protocol rule 4)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from inventory.answers import HoldAnswer, Settled
from inventory.errors import GateUnreadable
from inventory.gate import Gate, refusal, whole_ms
from inventory.keys import DealKeys

# One call blocks the server for as long as this many claims take: about a millisecond.
MOST_LISTED = 1000


class Claims(Gate):
    """The life of a claim. The caller puts the order into Postgres after it, never before."""

    async def claim_hold(
        self,
        deal_id: str,
        buyer_id: str,
        *,
        epoch: int,
        order_id: str,
        checkout_id: str,
        units: int,
    ) -> HoldAnswer:
        """Turn a buyer's frozen hold into the claim of an order; `hold` is None in the answer.

        The hold has to be of this checkout and of this many units. A closed window does not
        matter, a pause does. May be repeated with the same `order_id`.

        Raises:
            HoldLapsed, DealNotLive, StaleEpoch: nothing was written.
            redis.RedisError: outcome unknown; repeat, or let the claim be abandoned.
        """
        assert units > 0
        keys = DealKeys(deal_id)
        answer = await self._run(
            "claim_hold",
            deal_id,
            keys.all,
            (epoch, buyer_id, order_id, checkout_id, units),
        )
        match answer.word:
            case "CLAIMED":
                return HoldAnswer(answer.counters, None, answer.lapsed, changed=True)
            case "STALE_EPOCH" | "NOT_LIVE" | "LAPSED":
                raise refusal(keys, answer)
            case word:
                raise AssertionError(f"claim_hold answered {word}")

    async def confirm_claim(
        self, deal_id: str, order_id: str, buyer_id: str, units: int, *, epoch: int
    ) -> Settled:
        """Apply rank 1: the order is in Postgres, so its claim is nobody's to abandon.

        `epoch` is that of the deal row which the order's transaction locked. May be repeated.
        UNKNOWN_CLAIM says that the gate's memory is wrong: rebuild it.
        """
        keys = DealKeys(deal_id)
        told = (keys.stock, keys.claims, keys.unconfirmed)
        return await self._tell("confirm_claim", told, deal_id, epoch, order_id, 1, buyer_id, units)

    async def commit_claim(
        self,
        deal_id: str,
        order_id: str,
        buyer_id: str,
        units: int,
        *,
        epoch: int,
        rank: Literal[2, 4],
    ) -> Settled:
        """Apply rank 2 (paid) or 4 (paid after it was freed): the claim is a sale.

        May be repeated and come in any order; a rank not above the remembered one does nothing.
        UNKNOWN_CLAIM says that the gate's memory is wrong: rebuild it.
        """
        keys = DealKeys(deal_id)
        told = (keys.stock, keys.claims, keys.unconfirmed)
        return await self._tell(
            "commit_claim", told, deal_id, epoch, order_id, rank, buyer_id, units
        )

    async def release_claim(
        self,
        deal_id: str,
        order_id: str,
        buyer_id: str,
        units: int,
        *,
        epoch: int,
        rank: Literal[3, 5],
        restock: bool = True,
    ) -> Settled:
        """Apply rank 3 (freed) or 5 (freed once more): the units can be held again.

        Without `restock` they are written off: the allotment falls instead. An order that the
        gate never heard of frees nothing; that it is freed is remembered, so that a late claim is
        refused. May be repeated and come in any order. UNKNOWN_CLAIM: the gate does not count the
        units that are written off; rebuild it.
        """
        keys = DealKeys(deal_id)
        told = (keys.stock, keys.claims, keys.bought, keys.unconfirmed)
        return await self._tell(
            "release_claim", told, deal_id, epoch, order_id, rank, buyer_id, units, int(restock)
        )

    async def reclaim(
        self, deal_id: str, buyer_id: str, units: int, *, epoch: int, order_id: str
    ) -> HoldAnswer:
        """Take the units of an order that Postgres has freed once more: its money came late.

        The order's later messages have rank 4 or 5 (protocol rule 9). May be repeated.

        Raises:
            SoldOut, PurchaseLimitReached, StaleEpoch: nothing was written.
            HoldLapsed: the order was freed for good; nothing was written.
            redis.RedisError: outcome unknown; repeat.
        """
        assert units > 0
        keys = DealKeys(deal_id)
        answer = await self._run("reclaim", deal_id, keys.all, (epoch, buyer_id, order_id, units))
        match answer.word:
            case "CLAIMED":
                return HoldAnswer(answer.counters, None, answer.lapsed, changed=True)
            case "STALE_EPOCH" | "SOLD_OUT" | "OVER_LIMIT" | "LAPSED":
                raise refusal(keys, answer)
            case word:
                raise AssertionError(f"reclaim answered {word}")

    async def stale_claims(
        self, deal_id: str, older_than: timedelta, limit: int
    ) -> Sequence[tuple[str, str, int]]:
        """Order, buyer and units of claims that old of which Postgres never said a word.

        To be released only behind a row that keeps the order out (protocol rule 2).

        Raises:
            GateUnreadable: one of them says nothing that can be understood.
        """
        assert 0 < limit <= MOST_LISTED
        keys = DealKeys(deal_id)
        answer = await self._run(
            "stale_claims",
            deal_id,
            (keys.stock, keys.claims, keys.unconfirmed),
            (whole_ms(older_than), limit),
        )
        match answer.word:
            case "LISTED":
                rest = answer.rest
                if len(rest) % 3 or not all(isinstance(units, int) for units in rest[2::3]):
                    raise GateUnreadable(deal_id)
                return list(zip(rest[::3], rest[1::3], rest[2::3], strict=True))
            case "MISSING":
                return []
            case word:
                raise AssertionError(f"stale_claims answered {word}")

    async def _tell(
        self,
        script: str,
        keys: Sequence[str],
        deal_id: str,
        epoch: int,
        order_id: str,
        rank: int,
        buyer_id: str,
        units: int,
        *more: int,
    ) -> Settled:
        """Apply one message from Postgres, unless a later one was applied or it is not for us."""
        assert units > 0
        try:
            answer = await self._run(
                script, deal_id, keys, (epoch, order_id, rank, buyer_id, units, *more)
            )
        except GateUnreadable:
            return Settled("UNKNOWN_CLAIM", None)  # a wrong memory: rebuild it
        match answer.word:
            case "APPLIED" | "OLD_RANK" | "NEWER_EPOCH" | "UNKNOWN_CLAIM" as word:
                return Settled(word, answer.counters)
            case "OLDER_OR_MISSING" as word:
                return Settled(word, None)
            case word:
                raise AssertionError(f"{script} answered {word}")
