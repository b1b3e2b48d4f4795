"""One transaction that claims the units of many orders: all lines of an order, or none."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from orders import jobs
from orders.drafts import (
    Abandoned,
    Draft,
    DraftLine,
    GateMoved,
    KeyTaken,
    OffSale,
    Outcome,
    OverLimit,
    Placed,
    Refused,
)
from orders.ledger import Connection, LedgerPage, LockedDeal, lock_deals
from orders.statements import sql

# The API tries to open the payment intent itself; a job takes over after this.
INTENT_GRACE = timedelta(seconds=5)

Buyer = tuple[str, str]  # user id, deal id


class BatchChanged(Exception):
    """An order of the batch appeared elsewhere meanwhile; the batch is to be tried again."""


async def place_batch(connection: Connection, drafts: Sequence[Draft]) -> list[Outcome]:
    """Place orders in the order of their arrival; each gets an outcome of its own.

    Runs in a transaction of its own. May be repeated: an order that is there already is told as
    placed, and nothing is claimed twice.

    Raises:
        BatchChanged: rolled back; call again.
        asyncpg.PostgresConnectionError: the outcome is unknown; look the orders up.
    """
    async with connection.transaction():
        outcomes = await _known(connection, drafts)
        fresh = [draft for draft in drafts if draft.order_id not in outcomes]
        if fresh:
            outcomes |= await _claim(connection, fresh)
    return [outcomes[draft.order_id] for draft in drafts]


async def _known(connection: Connection, drafts: Sequence[Draft]) -> dict[str, Outcome]:
    """Take the keys; outcomes of those orders that need no claim, since their key decides."""
    taken = {
        (row["user_id"], row["key"])
        for row in await connection.fetch(
            sql("claim_keys"),
            [draft.user_id for draft in drafts],
            [draft.key for draft in drafts],
            [draft.request_hash for draft in drafts],
            [draft.order_id for draft in drafts],
        )
    }
    repeats = [draft for draft in drafts if (draft.user_id, draft.key) not in taken]
    if not repeats:
        return {}
    rows = await connection.fetch(
        "SELECT k.user_id, k.key, k.request_hash, k.order_id FROM idempotency_keys k"
        "  JOIN unnest($1::text[], $2::text[]) AS r (user_id, key) USING (user_id, key)",
        [draft.user_id for draft in repeats],
        [draft.key for draft in repeats],
    )
    first = {(row["user_id"], row["key"]): row for row in rows}
    return {
        draft.order_id: (
            Placed(first[draft.user_id, draft.key]["order_id"], fresh=False)
            if first[draft.user_id, draft.key]["request_hash"] == draft.request_hash
            else KeyTaken()
        )
        for draft in repeats
    }


async def _claim(connection: Connection, drafts: Sequence[Draft]) -> dict[str, Outcome]:
    """Lock the deals, decide who gets units, and write what was decided."""
    deals = await lock_deals(connection, [line.deal_id for d in drafts for line in d.lines])
    existing = await _existing(connection, drafts)
    bought = await _bought(connection, drafts)
    outcomes: dict[str, Outcome] = {}
    winners: list[Draft] = []
    left = {deal.id: deal.unclaimed for deal in deals.values()}
    for draft in drafts:
        status = existing.get(draft.order_id)
        if status is not None:
            outcomes[draft.order_id] = (
                Abandoned() if status == "ABANDONED" else Placed(draft.order_id, fresh=False)
            )
            continue
        refusal = _refusal(draft, deals, left, bought)
        if refusal is not None:
            outcomes[draft.order_id] = refusal
            continue
        for line in draft.lines:
            left[line.deal_id] -= line.quantity
            bought[draft.user_id, line.deal_id] += line.quantity
        outcomes[draft.order_id] = Placed(draft.order_id, fresh=True)
        winners.append(draft)
    await _give_keys_back(connection, drafts, outcomes)
    if winners:
        await _write(connection, winners, deals)
    return outcomes


def _refusal(
    draft: Draft,
    deals: dict[str, LockedDeal],
    left: dict[str, int],
    bought: dict[Buyer, int],
) -> Outcome | None:
    """Why this order cannot have its units; None when it can have all of them."""
    for line in draft.lines:
        deal = deals.get(line.deal_id)
        if deal is None:
            return Refused(line.deal_id, unclaimed=0)
        if line.epoch is None:
            if deal.paused_at is not None:
                return OffSale(line.deal_id)
        elif deal.epoch != line.epoch:
            return GateMoved(line.deal_id)
        already = bought[draft.user_id, line.deal_id]
        if already + line.quantity > deal.purchase_limit:
            return OverLimit(line.deal_id, limit=deal.purchase_limit, already=already)
        if line.quantity > left[line.deal_id]:
            return Refused(line.deal_id, unclaimed=left[line.deal_id])
    return None


async def _existing(connection: Connection, drafts: Sequence[Draft]) -> dict[str, str]:
    rows = await connection.fetch(
        "SELECT o.id, o.status FROM orders o"
        "  JOIN unnest($1::text[], $2::text[]) AS d (user_id, id) USING (user_id, id)",
        [draft.user_id for draft in drafts],
        [draft.order_id for draft in drafts],
    )
    return {row["id"]: row["status"] for row in rows}


async def _bought(connection: Connection, drafts: Sequence[Draft]) -> dict[Buyer, int]:
    pairs = {(draft.user_id, line.deal_id) for draft in drafts for line in draft.lines}
    rows = await connection.fetch(
        "SELECT b.user_id, b.deal_id, b.units FROM deal_buyers b"
        "  JOIN unnest($1::text[], $2::text[]) AS p (user_id, deal_id) USING (user_id, deal_id)",
        [user_id for user_id, _ in pairs],
        [deal_id for _, deal_id in pairs],
    )
    bought: dict[Buyer, int] = defaultdict(int)
    bought.update({(row["user_id"], row["deal_id"]): row["units"] for row in rows})
    return bought


async def _give_keys_back(
    connection: Connection, drafts: Sequence[Draft], outcomes: dict[str, Outcome]
) -> None:
    """A refusal leaves nothing behind, not even its key."""
    refused = [d for d in drafts if not isinstance(outcomes[d.order_id], Placed)]
    if refused:
        await connection.execute(
            "DELETE FROM idempotency_keys k"
            " USING unnest($1::text[], $2::text[]) AS r (user_id, key)"
            " WHERE k.user_id = r.user_id AND k.key = r.key",
            [draft.user_id for draft in refused],
            [draft.key for draft in refused],
        )


async def _write(
    connection: Connection, winners: Sequence[Draft], deals: dict[str, LockedDeal]
) -> None:
    inserted = await connection.fetch(
        sql("insert_orders"),
        [d.user_id for d in winners],
        [d.order_id for d in winners],
        [d.number for d in winners],
        [d.checkout_id for d in winners],
        [d.total.amount_minor for d in winners],
        [d.total.currency for d in winners],
        [d.placed_at for d in winners],
        [d.payment_due_at for d in winners],
    )
    if len(inserted) < len(winners):
        raise BatchChanged
    lines = [(d, position, line) for d in winners for position, line in enumerate(d.lines)]
    await _shut_gates(connection, [line for _, _, line in lines], deals)
    await connection.execute(
        sql("insert_order_lines"),
        [d.user_id for d, _, _ in lines],
        [d.order_id for d, _, _ in lines],
        [line.deal_id for _, _, line in lines],
        [position for _, position, _ in lines],
        [line.title for _, _, line in lines],
        [line.quantity for _, _, line in lines],
        [line.unit_price_minor for _, _, line in lines],
    )
    units: dict[Buyer, int] = defaultdict(int)
    claimed: dict[str, int] = defaultdict(int)
    order_ids: dict[str, list[str]] = defaultdict(list)
    for draft, _, line in lines:
        units[draft.user_id, line.deal_id] += line.quantity
        claimed[line.deal_id] += line.quantity
        order_ids[line.deal_id].append(draft.order_id)
    await connection.execute(
        sql("add_buyers_units"),
        [user_id for user_id, _ in units],
        [deal_id for _, deal_id in units],
        list(units.values()),
    )
    page = LedgerPage(now=winners[0].placed_at)
    for deal_id in sorted(claimed):
        page.move(
            deals[deal_id],
            "CLAIMED",
            claimed[deal_id],
            actor="buyers",
            order_ids=order_ids[deal_id],
        )
    await page.write(connection)
    await jobs.stage(
        connection,
        jobs.ORDERS_PLACED,
        {
            "orders": [
                {
                    "user_id": d.user_id,
                    "order_id": d.order_id,
                    "lines": [
                        [line.deal_id, line.quantity, line.epoch or deals[line.deal_id].epoch]
                        for line in d.lines
                    ],
                }
                for d in winners
            ]
        },
        after=INTENT_GRACE,
    )


async def _shut_gates(
    connection: Connection, lines: Sequence[DraftLine], deals: dict[str, LockedDeal]
) -> None:
    """Raise the epoch of deals whose gate did not see these lines: it is counted anew with them."""
    unseen = {line.deal_id for line in lines if line.epoch is None}
    if unseen:
        await connection.execute(
            "UPDATE deals SET epoch = epoch + 1 WHERE id = ANY ($1::text[])", sorted(unseen)
        )
        for deal_id in unseen:
            deals[deal_id].epoch += 1


async def look_up(pool: asyncpg.Pool, drafts: Sequence[Draft]) -> list[Placed | None]:
    """Which of these orders are in Postgres, after an unknown outcome.

    None is not a no: the transaction may still be on its way.
    """
    async with pool.acquire() as connection:
        existing = await _existing(connection, drafts)
    return [
        Placed(d.order_id, fresh=True)
        if existing.get(d.order_id) not in (None, "ABANDONED")
        else None
        for d in drafts
    ]
