"""A sale's report is counted from the lines of its orders, not copied from its counters."""

import pytest

from kit.ids import new_id
from orders.archive import OrderView
from orders.offer import NO_RULE
from orders.salereport import SaleReport
from tests.orders.shop import ACTOR, Shop, buyer


async def report(shop: Shop, deal_id: str) -> SaleReport:
    found = await shop.resources.sale_reports.of(deal_id)
    assert found is not None
    return found


def units(found: SaleReport) -> tuple[int, int, int, int, int]:
    """Claimed, paid, refunded, unsold, oversold."""
    return found.claimed, found.paid, found.refunded, found.unsold, found.oversold


async def paid(shop: Shop, deal_id: str, quantity: int = 1) -> OrderView:
    order = await shop.order(buyer(), deal_id, quantity=quantity)
    await shop.pay(order)
    await shop.resources.settlement.settle(order.user_id, order.id)
    return order


async def refund(shop: Shop, order: OrderView, *, restock: bool) -> None:
    await shop.resources.refunding.refund(order.id, restock=restock, reason="dented", actor=ACTOR)
    await shop.work()


async def test_a_new_deal_has_sold_nothing(shop: Shop) -> None:
    found = await report(shop, await shop.deal(allotment=5, withheld=3))
    assert units(found) == (0, 0, 0, 5, 0)
    assert (found.allotment, found.safety_stock, found.release) == (5, 3, NO_RULE)
    assert (found.ledger_entries, found.drift) == (2, 0)


async def test_each_unit_is_counted_where_its_order_is(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=20)
    await shop.order(buyer(), deal_id)
    await paid(shop, deal_id, quantity=2)
    await refund(shop, await paid(shop, deal_id, quantity=2), restock=True)
    assert units(await report(shop, deal_id)) == (3, 2, 2, 17, 0)
    await refund(shop, await paid(shop, deal_id), restock=False)
    found = await report(shop, deal_id)
    assert found.allotment == 19
    assert units(found) == (3, 2, 3, 16, 0)
    given_back = await shop.order(buyer(), deal_id, quantity=2)
    await shop.resources.cancelling.cancel(given_back.user_id, given_back.id)
    assert units(await report(shop, deal_id)) == (3, 2, 3, 16, 0)


async def test_money_that_never_bought_anything_is_no_refund_of_units(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    order = await shop.order(buyer(), deal_id)
    await shop.resources.cancelling.cancel(order.user_id, order.id)
    late = "UPDATE orders SET status = 'REFUNDED' WHERE id = $1"  # as late money for it ends
    await shop.resources.pool.execute(late, order.id)
    assert units(await report(shop, deal_id)) == (0, 0, 0, 5, 0)


async def test_money_on_its_way_back_still_owns_its_units(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=5)
    order = await paid(shop, deal_id)
    await shop.resources.refunding.refund(order.id, restock=True, reason="dented", actor=ACTOR)
    assert units(await report(shop, deal_id)) == (1, 1, 0, 4, 0)


async def test_lines_beyond_the_allotment_are_oversold_whatever_the_counters_say(
    shop: Shop,
) -> None:
    deal_id = await shop.deal(allotment=2)
    order = await shop.order(buyer(), deal_id)
    await shop.resources.pool.execute(
        "UPDATE order_lines SET quantity = 5 WHERE user_id = $1 AND order_id = $2",
        order.user_id,
        order.id,
    )
    assert units(await report(shop, deal_id)) == (5, 0, 0, 0, 3)
    assert await shop.rows(deal_id) == (2, 1, 0)


async def test_the_head_is_the_newest_entry_of_the_ledger_itself(shop: Shop) -> None:
    deal_id = await shop.deal()
    await shop.order(buyer(), deal_id)
    await shop.resources.pool.execute(
        "UPDATE deal_stock SET ledger_seq = 99, ledger_head = 'x' WHERE deal_id = $1", deal_id
    )
    newest = await shop.resources.pool.fetchval(
        "SELECT encode(hash, 'hex') FROM stock_ledger WHERE deal_id = $1 AND seq = 2", deal_id
    )
    found = await report(shop, deal_id)
    assert (found.ledger_entries, found.ledger_head) == (2, newest)


async def test_only_open_drift_of_this_deal_counts(shop: Shop) -> None:
    deal_id = await shop.deal()
    drift = (
        "INSERT INTO drift (class, deal_id, units, note, found_at, repaired_at)"
        " VALUES ($2, $1, 1, 'of this test', now(), $3)"
    )
    now = shop.resources.clock.now()
    await shop.resources.pool.execute(drift, deal_id, "COUNTER_DRIFT", now)
    await shop.resources.pool.execute(drift, await shop.deal(), "COUNTER_DRIFT", None)
    assert (await report(shop, deal_id)).drift == 0
    await shop.resources.pool.execute(drift, deal_id, "COUNTER_DRIFT", None)
    await shop.resources.pool.execute(drift, deal_id, "LOST_HOLD", None)
    assert (await report(shop, deal_id)).drift == 2


@pytest.mark.parametrize("deal_id", ["", "nonsense", new_id("deal"), new_id("ord"), "deal_\0"])
async def test_there_is_no_report_of_nothing(shop: Shop, deal_id: str) -> None:
    assert await shop.resources.sale_reports.of(deal_id) is None
