"""Orders enter Postgres together; each has its own outcome, and none is lost or doubled."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from kit.ids import new_id
from kit.money import Money
from orders.batch import BatchChanged, look_up, place_batch
from orders.drafts import (
    Abandoned,
    Draft,
    DraftLine,
    GateMoved,
    KeyTaken,
    OverLimit,
    Placed,
    Refused,
)
from orders.writer import OrderWriter
from tests.orders.shop import Shop, buyer


async def draft(
    shop: Shop,
    deal_id: str,
    *,
    quantity: int = 1,
    epoch: int | None = None,
    user_id: str | None = None,
    key: str | None = None,
    request_hash: bytes = b"r",
    past_gate: bool = False,
) -> Draft:
    now = shop.resources.clock.now()
    if epoch is None and not past_gate:
        epoch = (await shop.stock(deal_id)).epoch
    checkout_id = new_id("chk")
    return Draft(
        user_id=user_id or buyer(),
        checkout_id=checkout_id,
        lines=(DraftLine(deal_id, "Tea, by the tin", quantity, 1_500, epoch),),
        total=Money(1_500 * quantity, "USD"),
        placed_at=now,
        payment_due_at=now + timedelta(minutes=15),
        key=key or checkout_id,
        request_hash=request_hash,
    )


async def place(shop: Shop, *drafts: Draft) -> list[object]:
    """One batch, as the writer has it written: orders are looked up where they are not new."""
    async with shop.resources.pool.acquire() as connection:
        try:
            return list(await place_batch(connection, drafts))
        except BatchChanged:
            return list(await place_batch(connection, drafts, look_first=True))


async def test_the_last_units_go_to_the_first_of_the_batch(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=3)
    drafts = [await draft(shop, deal_id) for _ in range(5)]
    outcomes = await place(shop, *drafts)
    assert outcomes[:3] == [Placed(d.order_id, fresh=True) for d in drafts[:3]]
    assert outcomes[3:] == [Refused(deal_id, unclaimed=0)] * 2
    assert await shop.rows(deal_id) == (3, 3, 0)
    kept = await shop.resources.pool.fetch(
        "SELECT key FROM idempotency_keys WHERE key = ANY ($1::text[])", [d.key for d in drafts]
    )
    assert {row["key"] for row in kept} == {d.key for d in drafts[:3]}


async def test_a_batch_is_one_ledger_entry_and_one_job(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=50)
    drafts = [await draft(shop, deal_id) for _ in range(20)]
    await place(shop, *drafts)
    entry = await shop.resources.pool.fetchrow(
        "SELECT units, order_ids FROM stock_ledger WHERE deal_id = $1 AND reason = 'CLAIMED'",
        deal_id,
    )
    assert entry is not None
    assert entry["units"] == 20
    assert entry["order_ids"] == [d.order_id for d in drafts]
    jobs = await shop.resources.pool.fetchval(
        "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'orders_placed'"
    )
    assert jobs == 1


async def test_each_order_of_a_batch_has_its_own_outcome(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=10, limit=2)
    epoch = (await shop.stock(deal_id)).epoch
    greedy = buyer()
    good = await draft(shop, deal_id)
    outcomes = await place(
        shop,
        await draft(shop, deal_id, user_id=greedy, quantity=2),
        await draft(shop, deal_id, user_id=greedy, quantity=1),
        await draft(shop, deal_id, epoch=epoch - 1),
        await draft(shop, new_id("deal"), epoch=1),
        good,
    )
    assert isinstance(outcomes[0], Placed)
    assert outcomes[1] == OverLimit(deal_id, limit=2, already=2)
    assert outcomes[2] == GateMoved(deal_id)
    assert isinstance(outcomes[3], Refused)
    assert outcomes[4] == Placed(good.order_id, fresh=True)
    assert await shop.rows(deal_id) == (10, 3, 0)


async def test_an_order_with_one_impossible_line_claims_none(shop: Shop) -> None:
    plenty, scarce = await shop.deal(allotment=10), await shop.deal(allotment=0)
    one = await draft(shop, plenty)
    epoch = (await shop.stock(scarce)).epoch
    both = Draft(
        **{
            **{name: getattr(one, name) for name in one.__slots__},
            "lines": (*one.lines, DraftLine(scarce, "Scarce", 1, 100, epoch)),
        }
    )
    assert await place(shop, both) == [Refused(scarce, unclaimed=0)]
    assert await shop.rows(plenty) == (10, 0, 0)


async def test_a_repeat_is_told_as_placed_and_claims_nothing(shop: Shop) -> None:
    deal_id = await shop.deal()
    first = await draft(shop, deal_id)
    assert await place(shop, first) == [Placed(first.order_id, fresh=True)]
    assert await place(shop, first) == [Placed(first.order_id, fresh=False)]
    assert await shop.rows(deal_id) == (10, 1, 0)


async def test_a_key_of_another_request_is_refused(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    first = await draft(shop, deal_id, user_id=user_id, key="k", request_hash=b"one")
    other = await draft(shop, deal_id, user_id=user_id, key="k", request_hash=b"two")
    await place(shop, first)
    assert await place(shop, other) == [KeyTaken()]
    assert await shop.rows(deal_id) == (10, 1, 0)


async def test_an_abandoned_order_stays_out(shop: Shop) -> None:
    deal_id = await shop.deal()
    late = await draft(shop, deal_id)
    abandonment = shop.resources.abandonment
    assert await abandonment.abandon(late.user_id, late.order_id, [(deal_id, 1)])
    assert await place(shop, late) == [Abandoned()]
    assert await shop.rows(deal_id) == (10, 0, 0)


async def test_an_order_that_exists_is_not_abandoned(shop: Shop) -> None:
    deal_id = await shop.deal()
    placed = await draft(shop, deal_id)
    await place(shop, placed)
    abandonment = shop.resources.abandonment
    assert not await abandonment.abandon(placed.user_id, placed.order_id, [(deal_id, 1)])
    assert await shop.rows(deal_id) == (10, 1, 0)


async def test_two_processes_never_oversell(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=30)
    drafts = [await draft(shop, deal_id) for _ in range(100)]
    async with OrderWriter(shop.resources.pool) as one, OrderWriter(shop.resources.pool) as two:
        outcomes = await asyncio.gather(
            *((one, two)[number % 2].submit(d) for number, d in enumerate(drafts))
        )
    assert sum(isinstance(outcome, Placed) for outcome in outcomes) == 30
    assert await shop.rows(deal_id) == (30, 30, 0)


async def test_orders_that_lock_the_same_deals_do_not_deadlock(shop: Shop) -> None:
    deals = [await shop.deal(allotment=200) for _ in range(4)]
    epochs = {deal_id: (await shop.stock(deal_id)).epoch for deal_id in deals}
    drafts = []
    for number in range(60):
        one = await draft(shop, deals[0])
        turned = deals[number % 4 :] + deals[: number % 4]
        lines = tuple(DraftLine(id_, "Tea", 1, 100, epochs[id_]) for id_ in turned)
        fields = {name: getattr(one, name) for name in one.__slots__}
        drafts.append(Draft(**{**fields, "lines": lines}))
    pool = shop.resources.pool
    async with OrderWriter(pool) as one_writer, OrderWriter(pool) as other:
        outcomes = await asyncio.gather(
            *((one_writer, other)[number % 2].submit(d) for number, d in enumerate(drafts))
        )
    assert all(isinstance(outcome, Placed) for outcome in outcomes)
    for deal_id in deals:
        assert await shop.rows(deal_id) == (200, 60, 0)


async def test_an_unknown_outcome_is_looked_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is lost after COMMIT: the orders are there, and are told as placed."""
    deal_id = await shop.deal()
    lost = await draft(shop, deal_id)

    async def commit_then_lose(
        connection: asyncpg.Connection, drafts: list[Draft], *, look_first: bool
    ) -> list[object]:
        await place_batch(connection, drafts, look_first=look_first)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    monkeypatch.setattr("orders.writer.place_batch", commit_then_lose)
    async with OrderWriter(shop.resources.pool) as writer:
        assert await writer.submit(lost) == Placed(lost.order_id, fresh=True)
    assert await shop.rows(deal_id) == (10, 1, 0)


@pytest.mark.parametrize("key", ["the same", "another"])
async def test_an_order_of_another_request_is_not_looked_up_as_ones_own(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """One of two requests for a checkout places it; the connection of the other is lost."""
    deal_id = await shop.deal()
    lost = await draft(shop, deal_id, key="the same")
    earlier = timedelta(seconds=20)
    theirs = replace(
        lost,
        key=key,
        placed_at=lost.placed_at - earlier,
        payment_due_at=lost.payment_due_at - earlier,
    )

    async def lose(*_: object, **__: object) -> list[object]:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    assert await place(shop, theirs) == [Placed(lost.order_id, fresh=True)]
    monkeypatch.setattr("orders.writer.place_batch", lose)
    async with OrderWriter(shop.resources.pool) as writer:
        assert await writer.submit(lost) == Placed(lost.order_id, fresh=False)
    kept = await shop.resources.pool.fetch(
        "SELECT key, request_hash FROM idempotency_keys WHERE order_id = $1", lost.order_id
    )
    assert {tuple(row) for row in kept} == {(k, lost.request_hash) for k in {"the same", key}}
    assert await shop.rows(deal_id) == (10, 1, 0)


async def test_an_order_whose_key_another_request_took_is_left_to_a_repeat(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(limit=2), buyer()
    lost = await draft(shop, deal_id, user_id=user_id, key="k")
    other = await draft(shop, deal_id, user_id=user_id, key="k", request_hash=b"other")
    await place(shop, other, replace(lost, key="its own"))
    assert await look_up(shop.resources.pool, [lost]) == [None]


async def test_looking_up_outlives_a_deadlock(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    placed = await draft(shop, await shop.deal())
    troubles: list[Exception] = [asyncpg.DeadlockDetectedError("deadlock detected")]

    async def commit_then_lose(
        connection: asyncpg.Connection, drafts: list[Draft], *, look_first: bool
    ) -> list[object]:
        await place_batch(connection, drafts, look_first=look_first)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    async def look(pool: asyncpg.Pool, drafts: list[Draft]) -> list[Placed | None]:
        if troubles:
            raise troubles.pop()
        return await look_up(pool, drafts)

    monkeypatch.setattr("orders.writer.place_batch", commit_then_lose)
    monkeypatch.setattr("orders.writer.look_up", look)
    async with asyncio.timeout(5), OrderWriter(shop.resources.pool) as writer:
        assert await writer.submit(placed) == Placed(placed.order_id, fresh=True)


async def test_an_order_that_is_not_there_is_not_guessed(shop: Shop) -> None:
    missing = await draft(shop, await shop.deal())
    assert await look_up(shop.resources.pool, [missing]) == [None]
