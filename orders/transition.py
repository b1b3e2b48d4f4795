"""An order's change of status, and all that has to become true in the same transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import asyncpg

from notifications import notices
from notifications.messages import Line, OrderConfirmed, OrderRefunded, SentBack
from orders import jobs
from orders.decision import Decision, Effect
from orders.drafts import CLAIMED, FREED, FREED_AGAIN, SOLD, SOLD_AGAIN
from orders.ledger import EFFECTS, Connection, LedgerPage, LockedDeal, Reason, lock_deals
from orders.statements import sql

Outcome = Literal["MOVED", "TOO_LATE", "GATE_MOVED", "UNITS_GONE"]
"""TOO_LATE: somebody else moved the order. GATE_MOVED: a gate was rebuilt since it gave the units
(rule 3). UNITS_GONE: Postgres has fewer than the gates promised, or the buyer has enough."""

_ENDED: Final = ("EXPIRED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class _Move:
    """What a decision does to units: ledger entries for each line, and the order's next rank."""

    entries: tuple[Reason, ...]
    rank: int
    owns_units: bool
    restock: bool = True
    takes: bool = False


async def move(
    connection: Connection,
    order: asyncpg.Record,
    decision: Decision,
    *,
    now: datetime,
    taken: Mapping[str, int] | None = None,
) -> Outcome:
    """Apply a decision that changes the status, on condition that the order is as it was read.

    Runs in the caller's transaction. `taken` are the epochs in which the gates gave the units of
    late money. Nothing was written unless it MOVED.
    """
    lines = await connection.fetch(
        "SELECT deal_id, title, quantity, unit_price_minor FROM order_lines"
        " WHERE user_id = $1 AND order_id = $2 ORDER BY position",
        order["user_id"],
        order["id"],
    )
    units = _units_move(order, decision)
    deals = await lock_deals(connection, [line["deal_id"] for line in lines]) if units else {}
    if units and units.takes:
        trouble = await _trouble(connection, order, lines, deals, taken or {})
        if trouble:
            return trouble
    moved = await connection.fetchval(
        "UPDATE orders SET status = $4, rank = $5, owns_units = $6,"
        " paid_by = coalesce($7, paid_by), updated_at = now()"
        " WHERE user_id = $1 AND id = $2 AND status = $3 RETURNING true",
        order["user_id"],
        order["id"],
        order["status"],
        decision.status,
        units.rank if units else order["rank"],
        units.owns_units if units else order["owns_units"],
        decision.paid_by,
    )
    if not moved:
        return "TOO_LATE"
    if units:
        # A deal can be gone only where the order was rebuilt from what a buyer once checked out.
        there = [line for line in lines if line["deal_id"] in deals]
        await _move_units(connection, order, there, deals, units, now=now)
    if Effect.CONFIRM_TO_BUYER in decision.effects:
        await _confirm(connection, order, lines)
    if Effect.TELL_REFUND in decision.effects:
        await _tell_refund(connection, order)
    return "MOVED"


def _units_move(order: asyncpg.Record, decision: Decision) -> _Move | None:
    """What happens to the units; only what the order still owns is sold or freed (rule 10)."""
    if not order["owns_units"]:
        if Effect.COMMIT_UNITS in decision.effects:
            return _Move(("CLAIMED", "SOLD"), SOLD_AGAIN, owns_units=True, takes=True)
        if order["status"] in _ENDED:
            # Late money has had its try: what a gate gave to it is freed for good.
            return _Move((), FREED_AGAIN, owns_units=False)
        return None
    unpaid = order["rank"] == CLAIMED
    if Effect.COMMIT_UNITS in decision.effects:
        return _Move(("SOLD",), SOLD if unpaid else SOLD_AGAIN, owns_units=True)
    freed = FREED if order["rank"] < FREED else FREED_AGAIN
    if Effect.FREE_UNITS in decision.effects:
        return _Move(("FREED",) if unpaid else ("RETURNED",), freed, owns_units=False)
    if Effect.WRITE_OFF_UNITS in decision.effects:
        written_off: tuple[Reason, ...] = ("FREED", "LOWERED") if unpaid else ("WRITTEN_OFF",)
        return _Move(written_off, freed, owns_units=False, restock=False)
    return None


async def _trouble(
    connection: Connection,
    order: asyncpg.Record,
    lines: Sequence[asyncpg.Record],
    deals: Mapping[str, LockedDeal],
    taken: Mapping[str, int],
) -> Literal["GATE_MOVED", "UNITS_GONE"] | None:
    """Why an order cannot have its units once more; None when it can."""
    if not lines or any(line["deal_id"] not in deals for line in lines):
        return "UNITS_GONE"
    if any(deals[line["deal_id"]].epoch != taken.get(line["deal_id"]) for line in lines):
        return "GATE_MOVED"
    rows = await connection.fetch(
        "SELECT deal_id, units FROM deal_buyers WHERE user_id = $1 AND deal_id = ANY ($2::text[])",
        order["user_id"],
        list(deals),
    )
    bought = {row["deal_id"]: row["units"] for row in rows}
    for line in lines:
        deal, units = deals[line["deal_id"]], line["quantity"]
        if units > deal.unclaimed or bought.get(deal.id, 0) + units > deal.purchase_limit:
            return "UNITS_GONE"
    return None


async def _move_units(
    connection: Connection,
    order: asyncpg.Record,
    lines: Sequence[asyncpg.Record],
    deals: Mapping[str, LockedDeal],
    units: _Move,
    *,
    now: datetime,
) -> None:
    """The ledger, what the buyer has of each deal, and the messages to the gates."""
    page = LedgerPage(now=now)
    for line in sorted(lines, key=lambda line: line["deal_id"]):
        for reason in units.entries:
            page.move(
                deals[line["deal_id"]],
                reason,
                line["quantity"],
                actor=order["refund_actor"] or "settlement",
                order_ids=[order["id"]],
                note=order["refund_reason"] or ("late money" if units.takes else ""),
            )
    await page.write(connection)
    claims = sum(EFFECTS[reason][1] for reason in units.entries)
    if claims > 0:
        await connection.execute(
            sql("add_buyers_units"),
            [order["user_id"]] * len(lines),
            [line["deal_id"] for line in lines],
            [line["quantity"] for line in lines],
        )
    elif claims < 0:
        await connection.executemany(
            "UPDATE deal_buyers SET units = units - $3 WHERE user_id = $1 AND deal_id = $2",
            [(order["user_id"], line["deal_id"], line["quantity"]) for line in lines],
        )
    await jobs.stage_many(
        connection,
        jobs.GATE_MESSAGE,
        [
            jobs.gate_message(
                deal_id=line["deal_id"],
                order_id=order["id"],
                user_id=order["user_id"],
                units=line["quantity"],
                epoch=deals[line["deal_id"]].epoch,
                rank=units.rank,
                restock=units.restock,
            )
            for line in lines
        ],
    )


async def _confirm(
    connection: Connection, order: asyncpg.Record, lines: Sequence[asyncpg.Record]
) -> None:
    """Stage the order confirmation: once, with the transition that makes it true."""
    await notices.stage(
        connection,
        order["user_id"],
        f"order_confirmed:{order['id']}",
        OrderConfirmed(
            order_number=order["number"],
            lines=tuple(
                Line(
                    title=line["title"],
                    quantity=line["quantity"],
                    unit_price_minor=line["unit_price_minor"],
                )
                for line in lines
            ),
            total_minor=order["total_minor"],
            currency=order["currency"],
        ),
    )


async def _tell_refund(connection: Connection, order: asyncpg.Record) -> None:
    """Stage the news that money was sent back, if any was: an order may end without a payment."""
    sent_back = await connection.fetch(
        "SELECT amount_minor, currency FROM payments"
        " WHERE user_id = $1 AND order_id = $2 AND status = 'REFUNDED'"
        " ORDER BY created_at, intent_id",
        order["user_id"],
        order["id"],
    )
    if sent_back:
        await notices.stage(
            connection,
            order["user_id"],
            f"order_refunded:{order['id']}",
            OrderRefunded(
                order_number=order["number"],
                payments=tuple(
                    SentBack(amount_minor=row["amount_minor"], currency=row["currency"])
                    for row in sent_back
                ),
            ),
        )
