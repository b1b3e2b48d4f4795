"""From checkout to a paid, cancelled or expired order, and what the stores say of it."""

import asyncio
from datetime import timedelta

import pytest

from kit.ids import new_id, sibling
from kit.money import Money
from orders.errors import (
    CartEmpty,
    HoldLapsed,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    OrderNotCancellable,
    PriceChanged,
    SoldOut,
)
from tests.orders.shop import Shop, buyer


async def test_an_order_is_paid_and_all_stores_agree(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(allotment=3), buyer()
    order = await shop.order(user_id, deal_id, quantity=2)
    assert order.status == "PENDING_PAYMENT"
    assert order.payment.status == "REQUIRES_PAYMENT"
    assert order.total == Money(3_000, "USD")
    assert (await shop.resources.carts.read(user_id)).lines == []
    assert await shop.counters(deal_id) == (1, 2, 0)

    assert (await shop.pay(order))["status"] == "succeeded"
    await shop.resources.settlement.settle(user_id, order.id)
    await shop.work()

    paid = await shop.read(user_id, order.id)
    assert (paid.status, paid.payment.status) == ("PAID", "SUCCEEDED")
    assert await shop.counters(deal_id) == (1, 0, 2)
    assert await shop.rows(deal_id) == (3, 2, 2)
    await shop.prove(deal_id)


async def test_an_order_is_confirmed_to_its_buyer_once(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.pay(order)
    await asyncio.gather(*(shop.resources.settlement.settle(user_id, order.id) for _ in range(5)))
    mails = await shop.resources.pool.fetchval(
        "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'send_mail'"
    )
    assert mails == 1
    assert await shop.rows(deal_id) == (10, 1, 1)


async def test_a_checkout_repeated_with_the_same_cart_is_the_same(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    first = await shop.checkout(user_id, deal_id)
    again = await shop.resources.checkouts.begin(user_id)
    assert (again.id, again.expires_at) == (first.id, first.expires_at)
    together = await asyncio.gather(*(shop.resources.checkouts.begin(user_id) for _ in range(5)))
    assert {view.id for view in together} == {first.id}


async def test_changing_the_cart_supersedes_the_checkout_and_keeps_the_cap(shop: Shop) -> None:
    deal_id, other_deal, user_id = await shop.deal(), await shop.deal(), buyer()
    first = await shop.checkout(user_id, deal_id)
    second = await shop.checkout(user_id, other_deal)
    assert second.id != first.id
    assert second.holds[deal_id].expires_at == first.holds[deal_id].expires_at
    with pytest.raises(HoldLapsed):
        await shop.place(first)
    order = await shop.read(user_id, await shop.place(second))
    assert {line.deal_id for line in order.lines} == {deal_id, other_deal}


async def test_there_is_nothing_to_check_out_in_an_empty_cart(shop: Shop) -> None:
    with pytest.raises(CartEmpty):
        await shop.resources.checkouts.begin(buyer())


async def test_a_checkout_has_one_order_whatever_the_keys(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    ids = await asyncio.gather(*(shop.place(checkout) for _ in range(8)))
    assert set(ids) == {sibling("ord", checkout.id)}
    assert await shop.rows(deal_id) == (10, 1, 0)
    assert await shop.counters(deal_id) == (9, 1, 0)


async def test_the_same_key_gives_the_same_order_and_another_request_is_refused(
    shop: Shop,
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    order_id = await shop.place(checkout, key="once")
    assert await shop.place(checkout, key="once") == order_id
    second = await shop.checkout(user_id, deal_id)
    with pytest.raises(IdempotencyKeyReused):
        await shop.place(second, key="once")
    assert await shop.rows(deal_id) == (10, 1, 0)


async def test_a_total_that_differs_changes_nothing(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    placing = shop.resources.placing
    with pytest.raises(PriceChanged) as refused:
        await placing.place(
            user_id, checkout_id=checkout.id, key="k", expected_total=Money(1, "USD")
        )
    assert refused.value.total == Money(1_500, "USD")
    with pytest.raises(InvalidInput):
        await placing.place(
            user_id, checkout_id=checkout.id, key="k", expected_total=Money(1_500, "EUR")
        )
    assert await shop.rows(deal_id) == (10, 0, 0)
    assert await shop.place(checkout, key="k")


async def test_the_price_charged_is_the_price_shown_at_checkout(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    await shop.resources.dealdesk.update(deal_id, price=Money(1_999, "USD"))
    order = await shop.read(user_id, await shop.place(checkout))
    assert order.total == Money(1_500, "USD")


async def test_somebody_elses_checkout_is_not_found(shop: Shop) -> None:
    checkout = await shop.checkout(buyer(), await shop.deal())
    for checkout_id in (checkout.id, new_id("chk"), "nonsense", "\x00"):
        with pytest.raises(NotFound):
            await shop.resources.placing.place(
                buyer(), checkout_id=checkout_id, key="k", expected_total=checkout.total
            )


async def test_postgres_refuses_what_a_wrong_gate_promised(shop: Shop) -> None:
    """A gate that came back with an old memory may promise units that are claimed already."""
    deal_id = await shop.deal(allotment=1)
    checkout = await shop.checkout(buyer(), deal_id)
    await shop.resources.pool.execute(
        "UPDATE deal_stock SET allotment = 0 WHERE deal_id = $1", deal_id
    )
    with pytest.raises(SoldOut):
        await shop.place(checkout)
    assert await shop.rows(deal_id) == (0, 0, 0)
    await shop.work()
    assert await shop.counters(deal_id) == (1, 0, 0)


async def test_a_declined_payment_may_be_tried_again(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.pay(order, "pm_card_chargeDeclined")
    await shop.resources.settlement.settle(user_id, order.id)
    declined = await shop.read(user_id, order.id)
    assert (declined.status, declined.payment.status) == ("PENDING_PAYMENT", "FAILED")
    assert declined.payment.failure_message
    await shop.pay(order)
    await shop.resources.settlement.settle(user_id, order.id)
    assert (await shop.read(user_id, order.id)).status == "PAID"


async def test_cancelling_frees_the_units_once_the_intent_is_cancelled(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id, quantity=2)
    assert await shop.resources.cancelling.cancel(user_id, order.id) == order.id
    await shop.work()
    cancelled = await shop.read(user_id, order.id)
    assert (cancelled.status, cancelled.payment.status) == ("CANCELLED", "CANCELLED")
    assert await shop.rows(deal_id) == (10, 0, 0)
    assert await shop.counters(deal_id) == (10, 0, 0)
    refused = await shop.pay(order)
    assert refused["error"]["code"] == "payment_intent_unexpected_state"
    await shop.resources.cancelling.cancel(user_id, order.id)
    await shop.prove(deal_id)


async def test_a_paid_order_cannot_be_cancelled(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.pay(order)
    await shop.resources.settlement.settle(user_id, order.id)
    with pytest.raises(OrderNotCancellable) as refused:
        await shop.resources.cancelling.cancel(user_id, order.id)
    assert refused.value.status == "PAID"


async def test_cancelling_against_a_payment_that_won_ends_paid(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.pay(order)
    await shop.resources.cancelling.cancel(user_id, order.id)
    assert (await shop.read(user_id, order.id)).status == "PAID"
    assert await shop.rows(deal_id) == (10, 1, 1)


async def test_somebody_elses_order_is_not_found(shop: Shop) -> None:
    order = await shop.order(buyer(), await shop.deal())
    assert await shop.resources.archive.order(buyer(), order.id) is None
    with pytest.raises(NotFound):
        await shop.resources.cancelling.cancel(buyer(), order.id)


async def test_an_unpaid_order_expires_and_its_units_come_back(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.pool.execute(
        "UPDATE orders SET payment_due_at = now() - interval '1 second' WHERE id = $1", order.id
    )
    assert await shop.resources.sweeps.expire_orders() >= 1
    await shop.work()
    expired = await shop.read(user_id, order.id)
    assert (expired.status, expired.payment.status) == ("EXPIRED", "CANCELLED")
    assert await shop.counters(deal_id) == (10, 0, 0)
    await shop.prove(deal_id)


async def test_an_order_under_another_amount_goes_to_a_person(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.settlement.review_unless(user_id, order.id, charged=Money(1_499, "USD"))
    assert (await shop.read(user_id, order.id)).status == "UNDER_REVIEW"
    assert await shop.rows(deal_id) == (10, 1, 0)


async def test_a_claim_whose_order_never_came_is_released(shop: Shop) -> None:
    """The process died between the claim at the gate and the transaction."""
    deal_id, user_id = await shop.deal(), buyer()
    checkout = await shop.checkout(user_id, deal_id)
    epoch = (await shop.stock(deal_id)).epoch
    await shop.resources.stock.claim_hold(
        deal_id,
        user_id,
        epoch=epoch,
        order_id=sibling("ord", checkout.id),
        checkout_id=checkout.id,
        units=1,
    )
    assert await shop.counters(deal_id) == (9, 1, 0)
    stale = await shop.resources.stock.stale_claims(deal_id, older_than=timedelta(0), limit=10)
    for order_id, claimer, units in stale:
        assert await shop.resources.abandonment.abandon(claimer, order_id, [(deal_id, units)])
    await shop.work()
    assert await shop.counters(deal_id) == (10, 0, 0)
    with pytest.raises(HoldLapsed):
        await shop.place(checkout)
    assert await shop.resources.archive.order(user_id, sibling("ord", checkout.id)) is None
    await shop.prove(deal_id)


async def test_many_buyers_order_the_last_units_and_not_one_more(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=40, limit=1)

    async def buy() -> bool:
        user_id = buyer()
        try:
            checkout = await shop.checkout(user_id, deal_id)
            await shop.place(checkout)
        except SoldOut:
            return False
        return True

    bought = await asyncio.gather(*(buy() for _ in range(120)))
    assert bought.count(True) == 40
    assert await shop.rows(deal_id) == (40, 40, 0)
    await shop.work()
    await shop.prove(deal_id)


async def test_a_lapsed_hold_is_told_once_at_checkout(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    await shop.resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
    epoch = (await shop.stock(deal_id)).epoch
    await shop.resources.stock.give_back_hold(
        deal_id, user_id, epoch=epoch, operation_id=new_id("req")
    )
    with pytest.raises(HoldLapsed) as refused:
        await shop.resources.checkouts.begin(user_id)
    assert refused.value.deal_id == deal_id
    with pytest.raises(CartEmpty):
        await shop.resources.checkouts.begin(user_id)
