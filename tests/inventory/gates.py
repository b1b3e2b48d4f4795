"""A deal's gate as the tests see it: every step is checked against what the keys say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from redis.asyncio import Redis

from inventory.keys import DealKeys
from inventory.stock import Counters, GateSnapshot, HoldAnswer, Settled, Stock
from kit.ids import new_id

LONG = timedelta(minutes=10)
CAP = timedelta(minutes=15)
# Far enough on both sides that no test crosses it by accident.
OPENED_MS = 1_000
CLOSES_MS = 4_000_000_000_000


def snapshot(
    deal_id: str,
    *,
    epoch: int = 1,
    revision: int = 1,
    allotment: int = 10,
    sold: int = 0,
    opens_ms: int = OPENED_MS,
    closes_ms: int = CLOSES_MS,
    limit: int = 5,
    paused: bool = False,
    claims: Sequence[tuple[str, str, int, int]] = (),
    ranks: Mapping[str, int] | None = None,
    bought: Mapping[str, int] | None = None,
    run_id: str,
) -> GateSnapshot:
    return GateSnapshot(
        deal_id=deal_id,
        epoch=epoch,
        revision=revision,
        allotment=allotment,
        sold=sold,
        opens_ms=opens_ms,
        closes_ms=closes_ms,
        limit=limit,
        paused=paused,
        claims=claims,
        ranks=ranks or {},
        bought=bought or {},
        run_id=run_id,
    )


async def contents(redis: Redis, deal_id: str) -> dict[str, Any]:
    """Everything that the gate of a deal has in Redis."""
    keys = DealKeys(deal_id)
    return {
        "stock": await redis.hgetall(keys.stock),
        "holds": await redis.hgetall(keys.holds),
        "due": await redis.zrange(keys.due, 0, -1, withscores=True),
        "claims": await redis.hgetall(keys.claims),
        "bought": await redis.hgetall(keys.bought),
        "unconfirmed": await redis.zrange(keys.unconfirmed, 0, -1, withscores=True),
    }


def recount(found: dict[str, Any], *, sold_before: int = 0) -> None:
    """The invariant, counted from the holds and claims themselves.

    `sold_before` are units that were sold before the gate was built: it has no record of them.
    """
    counters = {
        name: int(found["stock"][name]) for name in ("allotment", "available", "held", "committed")
    }
    held = sum(int(hold.split("|")[0]) for hold in found["holds"].values())
    sold = sold_before
    bought: dict[str, int] = {}
    for packed in found["claims"].values():
        units, _, place, buyer = packed.split("|")
        if place != "FREED" and buyer:
            bought[buyer] = bought.get(buyer, 0) + int(units)
        held += int(units) if place == "CLAIMED" else 0
        sold += int(units) if place == "SOLD" else 0
    assert counters["held"] == held
    assert counters["committed"] == sold
    assert counters["available"] + held + sold == counters["allotment"]
    if not sold_before:
        assert {buyer: int(units) for buyer, units in found["bought"].items()} == bought
    assert {buyer for buyer, _ in found["due"]} == set(found["holds"])
    for buyer, deadline in found["due"]:
        assert int(found["holds"][buyer].split("|")[2]) == deadline


@dataclass(frozen=True)
class Deal:
    """One deal of one test, at epoch 1 unless a step says otherwise."""

    stock: Stock
    redis: Redis
    deal_id: str

    async def contents(self) -> dict[str, Any]:
        return await contents(self.redis, self.deal_id)

    async def check(self) -> None:
        recount(await self.contents())

    async def counters(self) -> Counters:
        found = (await self.stock.read([self.deal_id]))[self.deal_id]
        assert found is not None
        await self.check()
        return found

    async def numbers(self) -> tuple[int, int, int]:
        """Available, held, committed."""
        found = await self.counters()
        return (found.available, found.held, found.committed)

    async def hold(
        self,
        buyer: str,
        quantity: int = 1,
        *,
        mode: Literal["add", "set"] = "add",
        operation: str | None = None,
        hold_for: timedelta = LONG,
        epoch: int = 1,
    ) -> HoldAnswer:
        operation_id = operation or new_id("req")
        if quantity == 0:
            return await self.stock.give_back_hold(
                self.deal_id, buyer, epoch=epoch, operation_id=operation_id
            )
        return await self.stock.set_hold(
            self.deal_id,
            buyer,
            quantity,
            mode=mode,
            epoch=epoch,
            operation_id=operation_id,
            hold_for=hold_for,
        )

    async def freeze(
        self, buyer: str, checkout: str = "chk_1", *, cap: timedelta = CAP, epoch: int = 1
    ) -> HoldAnswer:
        return await self.stock.freeze_hold(
            self.deal_id, buyer, epoch=epoch, checkout_id=checkout, cap=cap
        )

    async def claim(
        self,
        buyer: str,
        order: str = "ord_1",
        checkout: str = "chk_1",
        *,
        units: int = 1,
        epoch: int = 1,
    ) -> HoldAnswer:
        return await self.stock.claim_hold(
            self.deal_id, buyer, epoch=epoch, order_id=order, checkout_id=checkout, units=units
        )

    async def claimed(self, buyer: str, order: str = "ord_1", units: int = 1) -> None:
        """From nothing to a claim."""
        checkout = order.replace("ord_", "chk_")
        await self.hold(buyer, units)
        await self.freeze(buyer, checkout)
        await self.claim(buyer, order, checkout, units=units)

    async def confirm(self, order: str, buyer: str, units: int = 1, *, epoch: int = 1) -> Settled:
        return await self.stock.confirm_claim(self.deal_id, order, buyer, units, epoch=epoch)

    async def commit(
        self, order: str, buyer: str, units: int = 1, *, epoch: int = 1, rank: Literal[2, 4] = 2
    ) -> Settled:
        return await self.stock.commit_claim(
            self.deal_id, order, buyer, units, epoch=epoch, rank=rank
        )

    async def release(
        self,
        order: str,
        buyer: str,
        units: int = 1,
        *,
        epoch: int = 1,
        rank: Literal[3, 5] = 3,
        restock: bool = True,
    ) -> Settled:
        return await self.stock.release_claim(
            self.deal_id, order, buyer, units, epoch=epoch, rank=rank, restock=restock
        )

    async def tell(
        self,
        rank: int,
        order: str = "ord_1",
        buyer: str = "usr_a",
        units: int = 2,
        *,
        epoch: int = 1,
    ) -> Settled:
        """The message of a rank about an order of 2 units."""
        match rank:
            case 1:
                return await self.confirm(order, buyer, units, epoch=epoch)
            case 2 | 4:
                return await self.commit(order, buyer, units, epoch=epoch, rank=rank)
            case 3 | 5:
                return await self.release(order, buyer, units, epoch=epoch, rank=rank)
            case _:
                raise AssertionError(rank)

    async def reclaim(
        self, order: str, buyer: str, units: int = 1, *, epoch: int = 1
    ) -> HoldAnswer:
        return await self.stock.reclaim(self.deal_id, buyer, units, epoch=epoch, order_id=order)

    async def adjust(self, delta: int, operation: str, *, epoch: int = 1) -> Counters:
        return await self.stock.adjust_stock(
            self.deal_id, delta, epoch=epoch, operation_id=operation
        )

    async def terms(
        self,
        revision: int,
        *,
        paused: bool = False,
        opens_ms: int = OPENED_MS,
        closes_ms: int = CLOSES_MS,
        limit: int = 5,
        epoch: int = 1,
    ) -> bool:
        return await self.stock.set_terms(
            self.deal_id,
            epoch=epoch,
            revision=revision,
            opens_ms=opens_ms,
            closes_ms=closes_ms,
            limit=limit,
            paused=paused,
        )


async def due(redis: Redis, deadline_ms: int) -> None:
    """Wait until the server's clock has reached a deadline that is milliseconds away."""
    for _ in range(100_000):
        seconds, micros = await redis.time()
        if seconds * 1000 + micros // 1000 >= deadline_ms:
            return
    raise AssertionError("the deadline is not milliseconds away")


def holds_in(found: dict[str, Any]) -> dict[str, tuple[int, bool, str | None]]:
    """Units, whether frozen, and checkout of every hold that has units."""
    holds = {}
    for buyer, packed in found["holds"].items():
        units, state, _, checkout, _ = packed.split("|")
        if units != "0":
            holds[buyer] = (int(units), state == "FROZEN", checkout or None)
    return holds
