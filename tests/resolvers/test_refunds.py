"""refundOrder through the schema."""

from tests.orders.shop import Shop
from tests.resolvers.asking import Asker


async def test_an_operator_refunds_an_order_of_a_buyer(
    operator: Asker, alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal()
    order = await shop.order(alice.user_id, deal_id)
    given = {"orderId": order.id, "reason": "broken on arrival", "restock": True}
    refused = await operator.run("RefundOrder", input=given)
    assert refused["code"] == "INVALID_INPUT"
    assert refused["message"] == "This order is not paid. Its buyer can cancel it."
    await shop.pay(order)
    await shop.resources.settlement.settle(alice.user_id, order.id)
    begun = await operator.run("RefundOrder", input=given)
    assert (begun["id"], begun["status"]) == (order.id, "REFUND_PENDING")
    assert begun["payment"] == {"status": "SUCCEEDED", "clientSecret": None}
    await shop.work()
    ended = await operator.run("RefundOrder", input=given)
    assert (ended["status"], ended["payment"]["status"]) == ("REFUNDED", "REFUNDED")
    assert await shop.rows(deal_id) == (10, 0, 0)


async def test_a_refund_writes_the_units_off_unless_told_otherwise(
    operator: Asker, alice: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal()
    order = await shop.order(alice.user_id, deal_id)
    await shop.pay(order)
    await shop.resources.settlement.settle(alice.user_id, order.id)
    await operator.run("RefundOrder", input={"orderId": order.id, "reason": "lost"})
    await shop.work()
    assert await shop.rows(deal_id) == (9, 0, 0)
    assert await shop.counters(deal_id) == (9, 0, 0)
