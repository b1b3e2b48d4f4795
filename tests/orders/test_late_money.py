"""Money that comes after an order has ended: the units once more, or the money back."""

import pytest

from orders import jobs
from payments.gateway import Refund, RefundStatus
from tests.orders.late import (
    bought,
    cancelled,
    ledger,
    pays_late,
    row,
    staged,
    take_away,
    tell_gates,
)
from tests.orders.provider import Provider, forget_intents, settlement_with
from tests.orders.shop import Shop, buyer


async def test_late_money_claims_and_sells_the_units_once_more(shop: Shop) -> None:
    deals, user_id = [await shop.deal(), await shop.deal()], buyer()
    order = await cancelled(shop, user_id, *deals, quantity=2)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")
    for deal_id in deals:
        assert await shop.rows(deal_id) == (10, 2, 2)
        assert await bought(shop, user_id, deal_id) == 2
        assert (await ledger(shop, deal_id))[-3:] == [("FREED", 2), ("CLAIMED", 2), ("SOLD", 2)]
    assert await staged(shop, "send_mail", order.number) == 1
    assert await staged(shop, jobs.REFUND, order.id) == 0
    await tell_gates(shop)
    for deal_id in deals:
        assert await shop.counters(deal_id) == (8, 0, 2)
        await shop.prove(deal_id)


async def test_late_money_claims_before_the_gate_has_heard_of_the_end(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=1), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.cancelling.cancel(user_id, order.id)
    await forget_intents(shop, order.id)
    assert await shop.counters(deal_id) == (0, 1, 0)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (0, 0, 1)
    await shop.prove(deal_id)


async def test_late_money_goes_back_when_the_units_are_gone(shop: Shop) -> None:
    here, gone, user_id = await shop.deal(), await shop.deal(allotment=2), buyer()
    order = await cancelled(shop, user_id, here, gone)
    await take_away(shop, [gone])
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("REFUND_PENDING", 5, False, None)
    assert await staged(shop, jobs.REFUND, order.id) == 1
    assert await staged(shop, jobs.GATE_MESSAGE, order.id) == 2
    assert await staged(shop, "send_mail", order.number) == 0
    await tell_gates(shop)
    assert (await shop.rows(here), await shop.rows(gone)) == ((10, 0, 0), (2, 0, 0))
    assert await shop.counters(here) == (10, 0, 0)
    assert await shop.counters(gone) == (0, 2, 0)
    for deal_id in (here, gone):
        assert await bought(shop, user_id, deal_id) == 0
        await shop.prove(deal_id)


async def test_late_money_goes_back_when_the_buyer_has_enough_by_now(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(limit=2), buyer()
    order = await cancelled(shop, user_id, deal_id, quantity=2)
    await shop.order(user_id, deal_id)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("REFUND_PENDING", 5, False, None)
    await tell_gates(shop)
    assert await shop.rows(deal_id) == (10, 1, 0)
    assert await bought(shop, user_id, deal_id) == 1
    await shop.prove(deal_id)


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE deal_buyers SET units = 2 WHERE deal_id = $1",
        "UPDATE deal_stock SET claimed = allotment WHERE deal_id = $1",
    ],
)
async def test_postgres_has_the_last_word_on_late_units(shop: Shop, wrong: str) -> None:
    deal_id, user_id = await shop.deal(limit=2), buyer()
    order = await cancelled(shop, user_id, deal_id)
    await shop.resources.pool.execute(wrong, deal_id)
    before = await shop.rows(deal_id)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("REFUND_PENDING", 5, False, None)
    assert await shop.rows(deal_id) == before
    assert await shop.counters(deal_id) == (9, 1, 0)
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (10, 0, 0)


async def test_an_order_of_nothing_gets_its_late_money_back(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    await shop.resources.pool.execute("DELETE FROM order_lines WHERE order_id = $1", order.id)
    await pays_late(shop, order).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("REFUND_PENDING", 5, False, None)
    assert await staged(shop, jobs.REFUND, order.id) == 1


async def test_late_money_of_another_amount_goes_to_a_person_and_takes_nothing(
    shop: Shop,
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    provider = Provider(order.id, statuses={"pi_1": "SUCCEEDED"}, paid_minor=1)
    await settlement_with(shop, provider).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("UNDER_REVIEW", 5, False, None)
    await tell_gates(shop)
    assert await shop.rows(deal_id) == (10, 0, 0)
    assert await shop.counters(deal_id) == (10, 0, 0)


async def test_late_money_claims_once_however_often_it_is_told(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    settlement = pays_late(shop, order)
    for _ in range(3):
        await settlement.settle(user_id, order.id, intent_id="pi_1")
    await tell_gates(shop)
    assert await shop.rows(deal_id) == (10, 1, 1)
    assert await bought(shop, user_id, deal_id) == 1
    assert await staged(shop, "send_mail", order.number) == 1
    await shop.prove(deal_id)


async def test_a_failed_refund_of_late_money_goes_to_a_person(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=1), buyer()
    order = await cancelled(shop, user_id, deal_id)
    await take_away(shop, [deal_id], 1)
    settlement = pays_late(shop, order)
    await settlement.settle(user_id, order.id, intent_id="pi_1")
    await settlement.review(user_id, order.id, reason="the card is gone")
    assert await row(shop, order) == ("UNDER_REVIEW", 5, False, None)
    assert await shop.rows(deal_id) == (1, 0, 0)


@pytest.mark.parametrize("known", ["SUCCEEDED", "PENDING"])
async def test_late_money_that_was_sent_back_before_a_backup_sells_nothing(
    shop: Shop, known: RefundStatus
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    provider = Provider(order.id, statuses={"pi_1": "SUCCEEDED"}, sent_back=Refund("re_1", known))
    await settlement_with(shop, provider).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("REFUND_PENDING", 5, False, None)
    assert await staged(shop, jobs.REFUND, order.id) == 1
    assert await shop.rows(deal_id) == (10, 0, 0)
    await tell_gates(shop)
    assert await shop.counters(deal_id) == (10, 0, 0)
    await shop.prove(deal_id)


async def test_late_money_is_taken_although_a_refund_of_it_has_failed(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await cancelled(shop, user_id, deal_id)
    provider = Provider(
        order.id, statuses={"pi_1": "SUCCEEDED"}, sent_back=Refund("re_1", "FAILED")
    )
    await settlement_with(shop, provider).settle(user_id, order.id, intent_id="pi_1")
    assert await row(shop, order) == ("PAID", 4, True, "pi_1")
    await tell_gates(shop)
    await shop.prove(deal_id)
