"""A gate is read whole in one snapshot, and removed only when nobody has units there."""

from redis.asyncio import Redis

from inventory.stock import GateClaim
from tests.inventory.conftest import OpenDeal
from tests.inventory.gates import OPENED_MS, Deal, contents


async def test_a_dump_tells_everything_and_writes_nothing(deal: Deal) -> None:
    await deal.hold("usr_b", 1)
    await deal.claimed("usr_a", "ord_1", 2)
    await deal.claimed("usr_c", "ord_2", 3)
    await deal.commit("ord_2", "usr_c", 3)
    before = await deal.contents()
    dump = await deal.stock.dump(deal.deal_id, most=100)
    assert await deal.contents() == before
    assert dump is not None
    assert (dump.counters.available, dump.counters.held, dump.counters.committed) == (4, 3, 3)
    assert (dump.revision, dump.opens_ms, dump.limit, dump.paused) == (1, OPENED_MS, 5, False)
    found = dump.contents
    assert found is not None
    assert {buyer: hold.units for buyer, hold in found.holds.items()} == {
        "usr_a": 0,
        "usr_b": 1,
        "usr_c": 0,
    }
    assert found.due == {buyer: hold.deadline_ms for buyer, hold in found.holds.items()}
    assert found.claims == {
        "ord_1": GateClaim("usr_a", 2, 0, "CLAIMED"),
        "ord_2": GateClaim("usr_c", 3, 2, "SOLD"),
    }
    assert found.bought == {"usr_a": 2, "usr_c": 3}
    assert set(found.unconfirmed) == {"ord_1"}


async def test_a_crowded_gate_tells_its_counters_alone(deal: Deal) -> None:
    for number in range(3):
        await deal.hold(f"usr_{number}")
    dump = await deal.stock.dump(deal.deal_id, most=2)
    assert dump is not None
    assert dump.contents is None
    assert dump.counters.held == 3


async def test_a_gate_of_an_earlier_life_is_none(deal: Deal, redis: Redis) -> None:
    await redis.hset(f"{{deal:{deal.deal_id}}}:stock", "run_id", "another life")
    assert await deal.stock.dump(deal.deal_id, most=100) is None


async def test_a_gate_that_is_over_is_removed(open_deal: OpenDeal, redis: Redis) -> None:
    deal = await open_deal(closes_ms=2_000, ranks={"ord_9": 2}, sold=1)
    assert await deal.stock.close_gate(deal.deal_id)
    assert not any((await contents(redis, deal.deal_id)).values())
    assert await deal.stock.close_gate(deal.deal_id)


async def test_a_gate_in_use_stays(open_deal: OpenDeal, deal: Deal) -> None:
    over_but_claimed = await open_deal(closes_ms=2_000, claims=[("ord_1", "usr_a", 1, 1)])
    for used in (over_but_claimed, deal):
        before = await used.contents()
        assert not await used.stock.close_gate(used.deal_id)
        assert await used.contents() == before
