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


async def place_batch(
    connection: Connection, drafts: Sequence[Draft], *, look_first: bool = False
) -> list[Outcome]:
    """Place orders in the order of their arrival; each gets an outcome of its own.

    Runs in a transaction of its own. May be repeated: an order that is there already is told as
    placed, and nothing is claimed twice. Orders are taken for new and their buyers for within
    their limits, as the gate has said: what turns out otherwise is looked up first, the next time.

    Raises:
        BatchChanged: rolled back; call again, with `look_first`.
        asyncpg.PostgresConnectionError: the outcome is unknown; look the orders up.
    """
    async with connection.transaction():
        deals = await lock_deals(connection, [line.deal_id for d in drafts for line in d.lines])
        known: dict[str, Outcome] = {}
        bought: dict[Buyer, int] = defaultdict(int)
        if look_first:
            known = await _known(connection, drafts)
            bought = await _bought(connection, drafts)
        outcomes = _decide(drafts, deals, known, bought)
        if not (look_first or all(isinstance(each, Placed) for each in outcomes.values())):
            # A refusal needs certainty: this order may be there already.
            known = await _known(connection, drafts)
            bought = await _bought(connection, drafts)
            outcomes = _decide(drafts, deals, known, bought)
        winners = [d for d in drafts if outcomes[d.order_id] == Placed(d.order_id, fresh=True)]
        if winners:
            await _write(connection, winners, deals)
        await _keep_keys(
            connection,
            [
                draft
                for draft in drafts
                if draft.order_id in known
                and outcomes[draft.order_id] == Placed(draft.order_id, fresh=False)
            ],
        )
    return [outcomes[draft.order_id] for draft in drafts]


def _decide(
    drafts: Sequence[Draft],
    deals: dict[str, LockedDeal],
    known: dict[str, Outcome],
    bought: dict[Buyer, int],
) -> dict[str, Outcome]:
    """Who gets units: the last ones go to those who came first. `known` are decided already."""
    outcomes = dict(known)
    left = {deal.id: deal.unclaimed for deal in deals.values()}
    for draft in drafts:
        if draft.order_id in known:
            continue
        refusal = _refusal(draft, deals, left, bought)
        if refusal is not None:
            outcomes[draft.order_id] = refusal
            continue
        for line in draft.lines:
            left[line.deal_id] -= line.quantity
            bought[draft.user_id, line.deal_id] += line.quantity
        outcomes[draft.order_id] = Placed(draft.order_id, fresh=True)
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


async def _known(connection: Connection, drafts: Sequence[Draft]) -> dict[str, Outcome]:
    """Outcomes of orders that need no claim: their key, else their own row, decides."""
    known: dict[str, Outcome] = {}
    for draft, row in zip(drafts, await _find(connection, drafts), strict=True):
        if row["request_hash"] is not None:
            known[draft.order_id] = (
                Placed(row["key_order_id"], fresh=False)
                if row["request_hash"] == draft.request_hash
                else KeyTaken()
            )
        elif row["status"] is not None:
            known[draft.order_id] = (
                Abandoned() if row["status"] == "ABANDONED" else Placed(draft.order_id, fresh=False)
            )
    return known


async def _find(connection: Connection, drafts: Sequence[Draft]) -> list[asyncpg.Record]:
    """What there is of the keys and orders of these drafts, a row for each."""
    rows: list[asyncpg.Record] = await connection.fetch(
        sql("known_orders"),
        [draft.user_id for draft in drafts],
        [draft.key for draft in drafts],
        [draft.order_id for draft in drafts],
    )
    return rows


async def _bought(connection: Connection, drafts: Sequence[Draft]) -> dict[Buyer, int]:
    """What these buyers have of these deals, read after the deals were locked."""
    pairs = list({(draft.user_id, line.deal_id) for draft in drafts for line in draft.lines})
    rows = await connection.fetch(
        sql("buyers_units"), [user_id for user_id, _ in pairs], [deal_id for _, deal_id in pairs]
    )
    bought: dict[Buyer, int] = defaultdict(int)
    bought.update({(row["user_id"], row["deal_id"]): row["units"] for row in rows})
    return bought


async def _keep_keys(connection: Connection, repeats: Sequence[Draft]) -> None:
    """Remember the keys with which orders were repeated that had been placed with another key."""
    if repeats:
        await connection.execute(
            sql("claim_keys"),
            [draft.user_id for draft in repeats],
            [draft.key for draft in repeats],
            [draft.request_hash for draft in repeats],
            [draft.order_id for draft in repeats],
        )


async def _write(
    connection: Connection, winners: Sequence[Draft], deals: dict[str, LockedDeal]
) -> None:
    """Write the orders that get their units, and all that has to become true with them."""
    lines = [(d, position, line) for d in winners for position, line in enumerate(d.lines)]
    units: dict[Buyer, int] = defaultdict(int)
    claimed: dict[str, int] = defaultdict(int)
    order_ids: dict[str, list[str]] = defaultdict(list)
    for draft, _, line in lines:
        units[draft.user_id, line.deal_id] += line.quantity
        claimed[line.deal_id] += line.quantity
        order_ids[line.deal_id].append(draft.order_id)
    sound = await connection.fetchval(
        sql("insert_orders"),
        [d.user_id for d in winners],
        [d.order_id for d in winners],
        [d.number for d in winners],
        [d.checkout_id for d in winners],
        [d.total.amount_minor for d in winners],
        [d.total.currency for d in winners],
        [d.placed_at for d in winners],
        [d.payment_due_at for d in winners],
        [d.key for d in winners],
        [d.request_hash for d in winners],
        [d.user_id for d, _, _ in lines],
        [d.order_id for d, _, _ in lines],
        [line.deal_id for _, _, line in lines],
        [position for _, position, _ in lines],
        [line.title for _, _, line in lines],
        [line.quantity for _, _, line in lines],
        [line.unit_price_minor for _, _, line in lines],
        [user_id for user_id, _ in units],
        [deal_id for _, deal_id in units],
        list(units.values()),
    )
    if not sound:
        raise BatchChanged
    await _shut_gates(connection, [line for _, _, line in lines], deals)
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
    """Which of these orders are in Postgres, after an unknown outcome. May be repeated.

    An order that another request placed is told as a repeat of it, and this request's key is kept.
    None is not a no: the transaction may still be on its way.
    """
    async with pool.acquire() as connection:
        rows = await _find(connection, drafts)
        found = [_found(draft, row) for draft, row in zip(drafts, rows, strict=True)]
        repeats = [
            draft
            for draft, placed in zip(drafts, found, strict=True)
            if placed and not placed.fresh
        ]
        await _keep_keys(connection, repeats)
    return found


def _found(draft: Draft, row: asyncpg.Record) -> Placed | None:
    """The order as placed, fresh where the row and its key are what this draft would write."""
    if row["status"] in (None, "ABANDONED"):
        return None
    if row["request_hash"] not in (None, draft.request_hash):
        return None  # the key is another request's: a repeat is told so
    mine = row["key_order_id"] == draft.order_id and row["placed_at"] == draft.placed_at
    return Placed(draft.order_id, fresh=mine)
