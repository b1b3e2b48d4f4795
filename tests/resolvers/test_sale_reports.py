"""The report of a sale through the schema."""

from datetime import UTC, datetime

import pytest

from kit.ids import new_id
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker
from tests.resolvers.test_desk import at


async def test_a_sale_is_reported_to_operators(operator: Asker, alice: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5, withheld=4)
    rule = {"dealId": deal_id, "safetyStockRelease": {"at": at(minutes=30)}}
    await operator.run("UpdateDeal", input=rule)
    await shop.order(alice.user_id, deal_id, quantity=2)
    report = await operator.run("SaleReport", dealId=deal_id)
    head = await shop.resources.pool.fetchval(
        "SELECT encode(ledger_head, 'hex') FROM deal_stock WHERE deal_id = $1", deal_id
    )
    released = report.pop("safetyStockRelease")
    assert (released["whenSoldOut"], released["at"][:4]) == (False, str(datetime.now(UTC).year))
    assert report.pop("asOf") <= at()
    assert report == {
        "deal": {"id": deal_id},
        "allotment": 5,
        "safetyStock": 4,
        "claimed": 2,
        "paid": 0,
        "refunded": 0,
        "unsold": 3,
        "oversold": 0,
        "ledgerEntries": 3,
        "ledgerHead": head,
        "drift": 0,
    }


@pytest.mark.parametrize("deal_id", ["", "deal_", "nonsense", new_id("deal"), "deal_a\0b"])
async def test_there_is_no_report_of_nothing(operator: Asker, deal_id: str) -> None:
    assert await operator.run("SaleReport", dealId=deal_id) is None
