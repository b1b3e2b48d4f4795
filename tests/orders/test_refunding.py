"""refundOrder: the money goes back first, and the units follow when it is there."""

import pytest

from kit.ids import new_id
from orders import jobs
from orders.archive import OrderView
from orders.errors import InvalidInput, NotFound
from orders.proof import prove_deals
from tests.orders.provider import Provider, forget_intents, settlement_with
from tests.orders.shop import ACTOR, Shop, buyer


async def paid(shop: Shop, user_id: str, *deal_ids: str, quantity: int = 1) -> OrderView:
    order = await shop.order(user_id, *deal_ids, quantity=quantity)
    await shop.pay(order)
    await shop.resources.settlement.settle(user_id, order.id)
    await shop.work()
    return await shop.read(user_id, order.id)


async def refund(shop: Shop, order_id: str, *, restock: bool = False) -> None:
    await shop.resources.refunding.refund(
        order_id, restock=restock, reason="broken on arrival", actor=ACTOR
    )


async def everything(shop: Shop, order: OrderView, deal_id: str) -> tuple[object, ...]:
    """All that a refusal must not change."""
    pool = shop.resources.pool
    return (
        await pool.fetchrow("SELECT * FROM orders WHERE id = $1", order.id),
        await pool.fetchrow("SELECT * FROM deal_stock WHERE deal_id = $1", deal_id),
        await pool.fetchval("SELECT count(*) FROM pgqueuer"),
        await shop.counters(deal_id),
    )


async def last_entry(shop: Shop, deal_id: str) -> tuple[str, int, str, str]:
    entry = await shop.resources.pool.fetchrow(
        "SELECT * FROM stock_ledger WHERE deal_id = $1 ORDER BY seq DESC LIMIT 1", deal_id
    )
    assert entry is not None
    return (entry["reason"], entry["units"], entry["actor"], entry["note"])


async def mails(shop: Shop, user_id: str, fact: str) -> int:
    told = await shop.resources.pool.fetchval(
        "SELECT count(*) FROM notifications WHERE user_id = $1 AND fact = $2", user_id, fact
    )
    return int(told)


@pytest.mark.parametrize(
    ("restock", "reason", "rows", "counters"),
    [
        (True, "RETURNED", (10, 0, 0), (10, 0, 0)),
        (False, "WRITTEN_OFF", (8, 0, 0), (8, 0, 0)),
    ],
)
async def test_the_units_follow_the_money(
    shop: Shop,
    reason: str,
    rows: tuple[int, int, int],
    counters: tuple[int, int, int],
    *,
    restock: bool,
) -> None:
    deals, user_id = [await shop.deal(), await shop.deal()], buyer()
    order = await paid(shop, user_id, *deals, quantity=2)
    await refund(shop, order.id, restock=restock)
    assert (await shop.read(user_id, order.id)).status == "REFUND_PENDING"
    for deal_id in deals:
        assert await shop.rows(deal_id) == (10, 2, 2)
        assert await shop.counters(deal_id) == (8, 0, 2)
    await shop.work()
    refunded = await shop.read(user_id, order.id)
    assert (refunded.status, refunded.payment.status) == ("REFUNDED", "REFUNDED")
    for deal_id in deals:
        assert await shop.rows(deal_id) == rows
        assert await shop.counters(deal_id) == counters
        assert await last_entry(shop, deal_id) == (reason, 2, ACTOR, "broken on arrival")
        await shop.prove(deal_id)
    assert await mails(shop, user_id, f"order_refunded:{order.id}") == 1
    row = await shop.resources.pool.fetchrow("SELECT * FROM orders WHERE id = $1", order.id)
    assert row is not None
    assert (row["rank"], row["owns_units"], row["refund_restock"]) == (3, False, restock)


async def test_a_refunded_buyer_may_buy_again(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(limit=1), buyer()
    order = await paid(shop, user_id, deal_id)
    await refund(shop, order.id, restock=True)
    await shop.work()
    again = await paid(shop, user_id, deal_id)
    assert again.status == "PAID"
    assert await shop.rows(deal_id) == (10, 1, 1)
    await shop.prove(deal_id)


async def test_a_repeat_answers_the_order_and_the_first_word_stands(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await paid(shop, user_id, deal_id)
    for restock in (True, False):
        await refund(shop, order.id, restock=restock)
    await shop.work()
    before = await everything(shop, order, deal_id)
    await refund(shop, order.id)
    assert await everything(shop, order, deal_id) == before
    assert await shop.rows(deal_id) == (10, 0, 0)
    assert await mails(shop, user_id, f"order_refunded:{order.id}") == 1


@pytest.mark.parametrize("status", ["PENDING_PAYMENT", "CANCELLING", "EXPIRING", "EXPIRED"])
async def test_what_was_not_paid_is_not_refunded(shop: Shop, status: str) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.pool.execute(
        "UPDATE orders SET status = $2 WHERE id = $1", order.id, status
    )
    before = await everything(shop, order, deal_id)
    with pytest.raises(InvalidInput) as refused:
        await refund(shop, order.id)
    assert refused.value.field == "orderId"
    assert await everything(shop, order, deal_id) == before


@pytest.mark.parametrize("status", ["ABANDONED", None])
async def test_no_order_is_not_found(shop: Shop, status: str | None) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    if status:
        await shop.resources.pool.execute(
            "UPDATE orders SET status = $2 WHERE id = $1", order.id, status
        )
    before = await everything(shop, order, deal_id)
    for order_id in [order.id] if status else [new_id("ord"), "ord_", order.id.upper()]:
        with pytest.raises(NotFound):
            await refund(shop, order_id)
    assert await everything(shop, order, deal_id) == before


@pytest.mark.parametrize("reason", ["", " ", "x" * 501, "two\nlines"])
async def test_a_reason_is_needed(shop: Shop, reason: str) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await paid(shop, user_id, deal_id)
    before = await everything(shop, order, deal_id)
    with pytest.raises(InvalidInput):
        await shop.resources.refunding.refund(order.id, restock=True, reason=reason, actor=ACTOR)
    assert await everything(shop, order, deal_id) == before


async def test_a_refund_that_fails_leaves_the_units_where_they_are(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await paid(shop, user_id, deal_id)
    await refund(shop, order.id)
    await shop.resources.settlement.review(user_id, order.id, reason="the card is gone")
    assert (await shop.read(user_id, order.id)).status == "UNDER_REVIEW"
    assert await shop.rows(deal_id) == (10, 1, 1)
    await refund(shop, order.id, restock=True)
    await shop.work()
    assert (await shop.read(user_id, order.id)).status == "REFUNDED"
    assert await shop.rows(deal_id) == (10, 0, 0)
    assert await shop.counters(deal_id) == (10, 0, 0)
    await shop.prove(deal_id)


@pytest.mark.parametrize(("restock", "rows"), [(True, (10, 0, 0)), (False, (9, 0, 0))])
async def test_an_order_under_review_is_refunded_what_was_paid(
    shop: Shop, rows: tuple[int, int, int], *, restock: bool
) -> None:
    """Another amount was taken: the units were claimed and never sold."""
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.work()
    await forget_intents(shop, order.id)
    provider = Provider(order.id, statuses={"pi_1": "SUCCEEDED"}, paid_minor=700)
    settlement = settlement_with(shop, provider)
    await settlement.settle(user_id, order.id, intent_id="pi_1")
    assert (await shop.read(user_id, order.id)).status == "UNDER_REVIEW"
    await refund(shop, order.id, restock=restock)
    await settlement.settle(user_id, order.id)
    (payload,) = await shop.resources.pool.fetch(
        "DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", jobs.REFUND
    )
    assert b'"amount_minor":700' in payload["payload"]
    await shop.resources.pool.execute(
        "UPDATE payments SET status = 'REFUNDED' WHERE order_id = $1", order.id
    )
    assert await shop.rows(deal_id) == (10, 1, 0)
    await settlement.settle(user_id, order.id)
    assert (await shop.read(user_id, order.id)).status == "REFUNDED"
    assert await shop.rows(deal_id) == rows
    await shop.work()
    assert await shop.counters(deal_id) == (rows[0], 0, 0)
    await shop.prove(deal_id)


async def test_units_of_a_doubtful_order_are_freed_without_any_money(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.pool.execute(
        "UPDATE orders SET status = 'UNDER_REVIEW' WHERE id = $1", order.id
    )
    await refund(shop, order.id, restock=True)
    await shop.work()
    ended = await shop.read(user_id, order.id)
    assert (ended.status, ended.payment.status) == ("REFUNDED", "CANCELLED")
    assert await shop.rows(deal_id) == (10, 0, 0)
    assert await shop.counters(deal_id) == (10, 0, 0)
    assert await mails(shop, user_id, f"order_refunded:{order.id}") == 0
    await shop.prove(deal_id)


async def test_what_was_freed_already_is_not_freed_by_its_refund(shop: Shop) -> None:
    """Protocol rule 10: late money of another amount, refunded by an operator without restock."""
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.cancelling.cancel(user_id, order.id)
    await shop.work()
    await shop.resources.pool.execute(
        "UPDATE orders SET status = 'UNDER_REVIEW' WHERE id = $1", order.id
    )
    before = (await shop.rows(deal_id), await last_entry(shop, deal_id))
    await refund(shop, order.id)
    await shop.work()
    assert (await shop.read(user_id, order.id)).status == "REFUNDED"
    assert (await shop.rows(deal_id), await last_entry(shop, deal_id)) == before
    assert await shop.counters(deal_id) == (10, 0, 0)
    await shop.prove(deal_id)


async def test_late_money_that_bought_the_units_can_be_refunded_too(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    await shop.resources.cancelling.cancel(user_id, order.id)
    await shop.work()
    await forget_intents(shop, order.id)
    provider = Provider(order.id, statuses={"pi_1": "SUCCEEDED"})
    settlement = settlement_with(shop, provider)
    await settlement.settle(user_id, order.id, intent_id="pi_1")
    await shop.work()
    assert await shop.counters(deal_id) == (9, 0, 1)
    await refund(shop, order.id)
    await shop.resources.pool.execute(
        "UPDATE payments SET status = 'REFUNDED' WHERE order_id = $1", order.id
    )
    await settlement.settle(user_id, order.id)
    row = await shop.resources.pool.fetchrow("SELECT * FROM orders WHERE id = $1", order.id)
    assert row is not None
    assert (row["status"], row["rank"], row["owns_units"]) == ("REFUNDED", 5, False)
    await shop.work()
    assert await shop.rows(deal_id) == (9, 0, 0)
    assert await shop.counters(deal_id) == (9, 0, 0)
    await shop.prove(deal_id)


async def test_a_gate_that_forgot_the_sale_is_counted_anew_when_it_is_written_off(
    shop: Shop,
) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await paid(shop, user_id, deal_id)
    resources = shop.resources
    keys = f"{{deal:{deal_id}}}:claims"
    assert await resources.redis.hdel(keys, order.id) == 1
    await resources.pool.execute(
        "UPDATE deals SET epoch_raised_at = '-infinity' WHERE id = $1", deal_id
    )
    await refund(shop, order.id)
    await shop.work()
    assert await shop.rows(deal_id) == (9, 0, 0)
    assert await shop.counters(deal_id) == (9, 0, 0)
    assert [proof.problems async for proof in prove_deals(resources.pool, deal_id)] == [()]


async def test_a_message_of_an_older_version_puts_the_units_back_on_sale(shop: Shop) -> None:
    deal_id, user_id = await shop.deal(), buyer()
    order = await shop.order(user_id, deal_id)
    epoch = (await shop.stock(deal_id)).epoch
    message = jobs.gate_message(
        deal_id=deal_id, order_id=order.id, user_id=user_id, units=1, epoch=epoch, rank=3
    )
    del message["restock"]
    await shop.resources.handlers.gate_message(message)
    assert await shop.counters(deal_id) == (10, 0, 0)
