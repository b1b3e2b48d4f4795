"""Rebuilds of one gate that overlap."""

from typing import Any

import pytest

from orders import gate_snapshot, gatekeeper
from tests.orders.shop import Shop


async def test_a_rebuild_leaves_the_gate_to_one_that_raised_the_epoch_after_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its snapshot may be older than orders that the other one's gate has confirmed."""
    deal_id = await shop.deal()
    pool, read = shop.resources.pool, gate_snapshot.read_snapshot

    async def read_late(*given: Any) -> Any:
        await pool.execute("UPDATE deals SET epoch = epoch + 1 WHERE id = $1", deal_id)
        return await read(*given)

    monkeypatch.setattr(gatekeeper, "read_snapshot", read_late)
    before = await shop.stock(deal_id)
    await pool.execute(
        "UPDATE deals SET epoch_raised_at = epoch_raised_at - interval '1 minute' WHERE id = $1",
        deal_id,
    )
    assert not await shop.resources.gatekeeper.rebuild(deal_id, above=before.order[0])
    assert (await shop.stock(deal_id)).order == before.order
    assert await pool.fetchval("SELECT epoch FROM deals WHERE id = $1", deal_id) == (
        before.order[0] + 2
    )


@pytest.mark.parametrize(("age", "rebuilt"), [("-1 hour", True), ("0", False), ("1 hour", True)])
async def test_only_a_young_rebuild_is_waited_for_and_none_of_the_future(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, age: str, *, rebuilt: bool
) -> None:
    """Postgres's clock was an hour ahead when the gate was opened last."""
    monkeypatch.setattr(gatekeeper, "REBUILD_SECONDS", 60.0)
    deal_id = await shop.deal()
    await shop.resources.pool.execute(
        "UPDATE deals SET epoch_raised_at = clock_timestamp() - $2::text::interval WHERE id = $1",
        deal_id,
        age,
    )
    epoch = (await shop.stock(deal_id)).epoch
    assert await shop.resources.gatekeeper.rebuild(deal_id, above=epoch) == rebuilt
    assert (await shop.stock(deal_id)).epoch == epoch + rebuilt
