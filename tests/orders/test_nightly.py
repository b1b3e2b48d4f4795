"""Every night one worker compares everything, and mends it."""

from pgqueuer import PgQueuer

from inventory.keys import DealKeys
from runtime.job_driver import ListensFirst
from runtime.worker import NIGHTLY, register
from tests.orders.shop import Shop


async def test_a_gate_that_miscounts_is_mended_in_the_night(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    await shop.resources.redis.hincrby(DealKeys(deal_id).stock, "available", 2)
    queuer = PgQueuer(ListensFirst(shop.resources.pool))
    register(queuer, shop.resources)
    ((key, nightly),) = queuer.sm.registry.items()
    assert (key.entrypoint, key.expression) == ("reconcile_nightly", NIGHTLY)
    await nightly.parameters.func(None)  # type: ignore[arg-type, call-arg] # it looks at no schedule
    assert await shop.counters(deal_id) == (5, 0, 0)
    drift = await shop.resources.pool.fetchrow(
        "SELECT class, repaired_at FROM drift WHERE deal_id = $1", deal_id
    )
    assert drift is not None
    assert drift["class"] == "COUNTER_DRIFT"
    assert drift["repaired_at"] is not None
