import time
from datetime import UTC, datetime

import pytest

from bench.gates import Gates
from kit.ids import new_id
from runtime.resources import Resources


@pytest.fixture
def gates(resources: Resources) -> Gates:
    return Gates(resources)


async def test_deals_are_opened_as_they_are_wanted(gates: Gates, resources: Resources) -> None:
    opened = (await gates.open(deals=3, products=2, allotment=70, limit=9))["deals"]
    deals = await resources.dealbook.many(opened)
    assert len(set(opened)) == len(deals) == 3
    assert len({deal.product_id for deal in deals.values()}) == 2
    assert {deal.purchase_limit for deal in deals.values()} == {9}
    assert all(deal.starts_at < datetime.now(UTC) < deal.ends_at for deal in deals.values())
    seen = await gates.count(deals=opened)
    assert seen == {
        "allotment": 210, "available": 210, "held": 0, "sold": 0, "wrong": 0, "examples": [],
    }  # fmt: skip


async def test_every_change_changes_something(gates: Gates) -> None:
    (deal,) = (await gates.open(deals=1))["deals"]
    versions = [(await gates.change_one(deal)).counters.version for _ in range(90)]
    assert versions == list(range(versions[0], versions[0] + 90))


async def test_changes_are_spread_over_the_deals_and_end_in_what_is_told(gates: Gates) -> None:
    opened = (await gates.open(deals=2))["deals"]
    made = await gates.change(deals=opened, per_second=100, seconds=0.1, each=False)
    assert made["made"] == 10
    assert {deal: final[4] for deal, final in made["finals"].items()} == dict.fromkeys(opened, 5)


async def test_a_deal_is_sold_out_until_the_moment_that_was_said(gates: Gates) -> None:
    (deal,) = (await gates.open(deals=1, allotment=20))["deals"]
    until = time.time() + 300
    told = await gates.sell_out(deal=deal, units=20, until=until)
    assert until * 1000 - 5_000 < told["first_ms"] <= told["last_ms"] < until * 1000 + 5_000
    seen = await gates.count(deals=[deal])
    assert (seen["held"], seen["available"]) == (20, 0)


async def test_a_deal_without_a_gate_does_not_add_up(gates: Gates) -> None:
    seen = await gates.count(deals=[new_id("deal")])
    assert seen["wrong"] == 1
    assert "no gate" in seen["examples"][0]
