"""Late money while a gate is away, is rebuilt, or the process dies."""

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway

from orders import jobs
from orders.errors import TryLater
from tests.orders.late import cancelled, pays_late, row, staged, tell_gates
from tests.orders.shop import Shop, buyer


async def test_late_money_waits_for_a_gate_that_is_out_of_reach(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    settlement = pays_late(shop, order)

    async def away(*_: Any, **__: Any) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as patched:
        patched.setattr(shop.resources.stock, "reclaim", away)
        with pytest.raises(TryLater):
            await settlement.settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("CANCELLED", 3, False, None)
    assert await staged(shop, jobs.REFUND, order.id) == 0
    await settlement.settle(user_id, order.id)
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")


async def test_a_death_between_the_gate_and_postgres_is_healed_by_the_repeat(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    settlement = pays_late(shop, order)

    async def dies(*_: Any, **__: Any) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("orders.settlement.move", dies)
        with pytest.raises(OSError, match="killed"):
            await settlement.settle(user_id, order.id, intent_id="pi_1")
    assert await shop.counters(deal_id) == (9, 1, 0)
    assert await shop.rows(deal_id) == (10, 0, 0)
    await settlement.settle(user_id, order.id)
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (9, 0, 1)
    assert await shop.rows(deal_id) == (10, 1, 1)
    await shop.prove(deal_id)


async def test_late_money_goes_back_to_a_gate_that_was_rebuilt_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    reclaim = shop.resources.stock.reclaim
    epochs: list[int] = []

    async def then_rebuilt(*given: Any, epoch: int, **named: Any) -> Any:
        answer = await reclaim(*given, epoch=epoch, **named)
        epochs.append(epoch)
        if len(epochs) == 1:
            await shop.resources.pool.execute(
                "UPDATE deals SET epoch_raised_at = '-infinity' WHERE id = $1", deal_id
            )
            assert await shop.resources.gatekeeper.rebuild(deal_id, above=epoch)
        return answer

    monkeypatch.setattr(shop.resources.stock, "reclaim", then_rebuilt)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert [epoch - epochs[0] for epoch in epochs] == [0, 1]
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (9, 0, 1)
    await shop.prove(deal_id)


async def test_an_epoch_that_another_process_raised_is_read_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an order does that goes past the gate while Redis is away."""
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    reclaim = shop.resources.stock.reclaim
    epochs: list[int] = []

    async def then_raised(*given: Any, epoch: int, **named: Any) -> Any:
        answer = await reclaim(*given, epoch=epoch, **named)
        epochs.append(epoch)
        if len(epochs) == 1:
            await shop.resources.pool.execute(
                "UPDATE deals SET epoch = epoch + 1, epoch_raised_at = '-infinity' WHERE id = $1",
                deal_id,
            )
        return answer

    monkeypatch.setattr(shop.resources.stock, "reclaim", then_raised)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert [epoch - epochs[0] for epoch in epochs] == [0, 2]
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (9, 0, 1)
    await shop.prove(deal_id)


async def test_a_gate_that_is_rebuilt_over_and_over_is_left_for_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    settlement = pays_late(shop, order)

    async def moved(*_: Any, **__: Any) -> str:
        return "GATE_MOVED"

    monkeypatch.setattr("orders.settlement.move", moved)
    with pytest.raises(TryLater):
        await settlement.settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("CANCELLED", 3, False, None)
    assert await staged(shop, jobs.REFUND, order.id) == 0
