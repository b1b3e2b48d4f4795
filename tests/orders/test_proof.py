"""The ledger proves each deal's units; one altered row is found and named."""

import pytest

from orders import dealdesk
from orders.ledger import LedgerPage, lock_deals
from orders.proof import DealProof, prove_deals
from tests.orders.shop import ACTOR, Shop, buyer


async def proof_of(shop: Shop, deal_id: str) -> DealProof:
    (proof,) = [proof async for proof in prove_deals(shop.resources.pool, deal_id)]
    return proof


async def sold_deal(shop: Shop) -> str:
    """A deal with a story: opened, claimed, sold, freed, raised, lowered."""
    deal_id, user_id = await shop.deal(allotment=6), buyer()
    order = await shop.order(user_id, deal_id, quantity=2)
    await shop.pay(order)
    await shop.resources.settlement.settle(user_id, order.id)
    given_back = await shop.order(buyer(), deal_id)
    await shop.resources.cancelling.cancel(given_back.user_id, given_back.id)
    await shop.order(buyer(), deal_id)
    await shop.resources.restocking.adjust_stock(deal_id, 2, reason="found two", actor=ACTOR)
    await shop.resources.restocking.adjust_stock(deal_id, -1, reason="broke one", actor=ACTOR)
    return deal_id


async def test_a_deal_with_a_story_is_proved(shop: Shop) -> None:
    proof = await proof_of(shop, await sold_deal(shop))
    assert proof.holds
    assert (proof.allotment, proof.claimed, proof.sold) == (7, 3, 2)
    reasons = await shop.resources.pool.fetch(
        "SELECT reason FROM stock_ledger WHERE deal_id = $1 ORDER BY seq", proof.deal_id
    )
    assert [row["reason"] for row in reasons] == [
        "OPENED",
        "CLAIMED",
        "SOLD",
        "CLAIMED",
        "FREED",
        "CLAIMED",
        "RAISED",
        "LOWERED",
    ]
    assert proof.entries == len(reasons)


@pytest.mark.parametrize(
    "alteration",
    [
        "UPDATE stock_ledger SET units = units + 1 WHERE deal_id = $1 AND seq = 3",
        "UPDATE stock_ledger SET note = 'forged' WHERE deal_id = $1 AND seq = 3",
        "UPDATE stock_ledger SET actor = 'nobody' WHERE deal_id = $1 AND seq = 3",
        "UPDATE stock_ledger SET order_ids = '{}' WHERE deal_id = $1 AND seq = 3",
        "UPDATE stock_ledger SET at = at + interval '1 second' WHERE deal_id = $1 AND seq = 3",
        "UPDATE stock_ledger SET reason = 'FREED' WHERE deal_id = $1 AND seq = 3",
        "UPDATE stock_ledger SET hash = prev_hash WHERE deal_id = $1 AND seq = 3",
        "UPDATE stock_ledger SET sold = 0 WHERE deal_id = $1 AND seq = 3",
    ],
)
async def test_an_altered_entry_is_named(shop: Shop, alteration: str) -> None:
    deal_id = await sold_deal(shop)
    await shop.resources.pool.execute(alteration, deal_id)
    proof = await proof_of(shop, deal_id)
    assert not proof.holds
    assert f"stock_ledger row (deal_id={deal_id}, seq=3)" in proof.problems[0]


async def test_a_missing_entry_is_noticed(shop: Shop) -> None:
    deal_id = await sold_deal(shop)
    await shop.resources.pool.execute(
        "DELETE FROM stock_ledger WHERE deal_id = $1 AND seq = 2", deal_id
    )
    problems = (await proof_of(shop, deal_id)).problems
    assert f"stock_ledger row (deal_id={deal_id}, seq=3): expected seq 2" in problems[0]


async def test_a_missing_last_entry_is_noticed(shop: Shop) -> None:
    deal_id = await sold_deal(shop)
    await shop.resources.pool.execute(
        "DELETE FROM stock_ledger WHERE deal_id = $1 AND seq = 8", deal_id
    )
    assert not (await proof_of(shop, deal_id)).holds


@pytest.mark.parametrize(
    "alteration",
    [
        "UPDATE deal_stock SET claimed = claimed + 1 WHERE deal_id = $1",
        "UPDATE deal_stock SET sold = sold - 1 WHERE deal_id = $1",
        "UPDATE deal_stock SET allotment = allotment + 1 WHERE deal_id = $1",
        "UPDATE order_lines SET quantity = quantity + 1 WHERE deal_id = $1",
        "UPDATE deal_buyers SET units = units + 1 WHERE deal_id = $1",
    ],
)
async def test_counters_that_do_not_follow_from_the_ledger_are_named(
    shop: Shop, alteration: str
) -> None:
    deal_id = await sold_deal(shop)
    await shop.resources.pool.execute(alteration, deal_id)
    proof = await proof_of(shop, deal_id)
    assert f"deal_stock row (deal_id={deal_id})" in proof.problems[0]


async def test_all_deals_are_proved_when_none_is_named(shop: Shop) -> None:
    deal_ids = {await shop.deal(), await shop.deal()}
    proved = {proof.deal_id async for proof in prove_deals(shop.resources.pool)}
    assert deal_ids <= proved


async def withholding_deal(shop: Shop) -> str:
    """Six units withheld, of which four were released in two steps."""
    deal_id = await shop.deal(allotment=2, withheld=6)
    for units in (1, 3):
        await shop.resources.safety_stock.release(deal_id, units, actor=ACTOR)
    return deal_id


async def test_safety_stock_is_what_was_withheld_less_what_was_released(shop: Shop) -> None:
    proof = await proof_of(shop, await withholding_deal(shop))
    assert proof.holds
    assert (proof.allotment, proof.safety_stock, proof.unproven) == (6, 2, ())


@pytest.mark.parametrize("safety_stock", [0, 1, 3])
async def test_safety_stock_that_does_not_follow_from_the_ledger_is_named(
    shop: Shop, safety_stock: int
) -> None:
    deal_id = await withholding_deal(shop)
    await shop.resources.pool.execute(
        "UPDATE deal_stock SET safety_stock = $2 WHERE deal_id = $1", deal_id, safety_stock
    )
    (problem,) = (await proof_of(shop, deal_id)).problems
    assert problem.endswith(f"safety_stock is {safety_stock}, the ledger says 2")


async def test_no_more_can_be_released_than_was_withheld(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=2)
    async with shop.resources.pool.acquire() as connection, connection.transaction():
        deal = (await lock_deals(connection, [deal_id]))[deal_id]
        page = LedgerPage(now=shop.resources.clock.now())
        page.move(deal, "RELEASED", 3, actor=ACTOR)
        await page.write(connection)
    problems = (await proof_of(shop, deal_id)).problems
    assert "releases 3 units more than were withheld" in problems[0]


async def test_units_from_nowhere_cannot_be_released(shop: Shop) -> None:
    deal_id = await shop.deal(allotment=2)
    await shop.resources.pool.execute(
        "UPDATE deal_stock SET safety_stock = 7 WHERE deal_id = $1", deal_id
    )
    (problem,) = (await proof_of(shop, deal_id)).problems
    assert problem.endswith("safety_stock is 7, the ledger says 0")
    await shop.resources.safety_stock.release(deal_id, 7, actor=ACTOR)
    problems = (await proof_of(shop, deal_id)).problems
    assert "releases 7 units more than were withheld" in problems[0]


@pytest.mark.parametrize("status", ["CANCELLED", "PENDING_PAYMENT", "REFUNDED"])
async def test_a_status_that_does_not_fit_the_units_is_named(shop: Shop, status: str) -> None:
    deal_id = await sold_deal(shop)
    altered = await shop.resources.pool.fetchval(
        "UPDATE orders SET status = $2 WHERE status = 'PAID' AND id IN"
        " (SELECT order_id FROM order_lines WHERE deal_id = $1) RETURNING id",
        deal_id,
        status,
    )
    (problem,) = (await proof_of(shop, deal_id)).problems
    assert f"{altered} is {status} of rank 2" in problem


async def test_a_total_that_is_not_the_sum_of_its_lines_is_named(shop: Shop) -> None:
    deal_id = await sold_deal(shop)
    altered = await shop.resources.pool.fetchval(
        "UPDATE orders SET total_minor = total_minor + 1 WHERE status = 'PAID' AND id IN"
        " (SELECT order_id FROM order_lines WHERE deal_id = $1) RETURNING id",
        deal_id,
    )
    (problem,) = (await proof_of(shop, deal_id)).problems
    assert altered in problem


async def test_what_an_older_ledger_cannot_show_is_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealdesk, "OPENING_NOTE", "created")
    deal_id = await shop.deal(allotment=2)
    await shop.resources.pool.execute(
        "UPDATE deal_stock SET safety_stock = 5 WHERE deal_id = $1", deal_id
    )
    proof = await proof_of(shop, deal_id)
    assert proof.holds
    (gap,) = proof.unproven
    assert "safety_stock is 5" in gap
