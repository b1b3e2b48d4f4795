"""What has to be true after W2's load, whatever was refused: all units and orders, counted."""

from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from bench.assistant import Assistant
from bench.headline.opening import LIMIT
from bench.shop import Shop
from bench.workload import Checks
from runtime.problems import CannotStart

_NAME: Final = "W2"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the crowd's answers said."""

    added: list[int]
    unknown: list[int]
    orders: list[tuple[str, int]]
    unknown_orders: int


async def check_all(
    shop: Shop, opening: Assistant, deals: list[str], heard: Heard, checks: Checks
) -> None:
    """Hold the answers against gates, database and provider."""
    gates: dict[str, list[int]] = opening.ask("look", deals=deals)["gates"]
    _check_gates(gates, deals, heard, checks)
    connection = await asyncpg.connect(shop.environment["FLASHSALE_DATABASE_URL"])
    try:
        await _check_orders(connection, heard, checks)
        await _check_limit(connection, gates, checks)
    finally:
        await connection.close()
    for what, words in (
        ("the ledger of every deal is proven (flashsale verify)", ("verify",)),
        (
            "stores and provider agree (flashsale reconcile --dry-run)",
            ("reconcile", "--dry-run", "--hours", "1"),
        ),
    ):
        shop.tell(f"{_NAME}: flashsale {' '.join(words)}")
        try:
            said, holds = shop.step(what, *words)[-1], True
        except CannotStart as failed:
            said, holds = str(failed), False
        checks.check(f"{_NAME}: {what}", said, holds=holds)


def _check_gates(
    gates: dict[str, list[int]], deals: list[str], heard: Heard, checks: Checks
) -> None:
    parts = [gates[deal] for deal in deals]
    unequal = sum(
        allotment != available + held + sold or available < 0
        for allotment, available, held, sold, _, _ in parts
    )
    checks.check(
        f"{_NAME}: available + held + sold = allotment at every gate",
        f"{len(parts) - unequal:,} of {len(parts):,}",
        holds=not unequal,
    )
    out = sum(held + sold for _, _, held, sold, _, _ in parts)
    wrong = sum(
        not added <= held + sold <= added + unknown
        for added, unknown, (_, _, held, sold, _, _) in zip(
            heard.added, heard.unknown, parts, strict=True
        )
    )
    unknown = sum(heard.unknown)
    checks.check(
        f"{_NAME}: units that each gate has given out = accepted adds",
        f"{out:,} given out, {sum(heard.added):,} accepted"
        + (f", {unknown:,} adds without an answer" if unknown else ""),
        holds=not wrong,
    )
    ordered = [0] * len(deals)
    for _, deal in heard.orders:
        ordered[deal] += 1
    most_ordered = heard.unknown_orders
    off = sum(
        abs(held + sold - in_carts - units)
        for units, (_, _, held, sold, in_carts, _) in zip(ordered, parts, strict=True)
    )
    checks.check(
        f"{_NAME}: units claimed at each gate = answered orders",
        f"{sum(ordered):,} ordered, {off:,} off",
        holds=off <= most_ordered,
    )


async def _check_orders(connection: Any, heard: Heard, checks: Checks) -> None:  # noqa: ANN401 - asyncpg's
    rows = await connection.fetch(
        "SELECT id, count(*) AS times FROM orders WHERE id = ANY($1::text[]) GROUP BY id",
        [order for order, _ in heard.orders],
    )
    once = sum(row["times"] == 1 for row in rows)
    distinct = len({order for order, _ in heard.orders})
    checks.check(
        f"{_NAME}: every answered order is in PostgreSQL exactly once",
        f"{once:,} of {len(heard.orders):,}",
        holds=once == len(heard.orders) == distinct,
    )
    there = await connection.fetchval("SELECT count(*) FROM orders WHERE status <> 'ABANDONED'")
    checks.check(
        f"{_NAME}: and no other is",
        f"{there:,} orders, {heard.unknown_orders:,} without an answer",
        holds=len(heard.orders) <= there <= len(heard.orders) + heard.unknown_orders,
    )
    oversold = await connection.fetchval(
        "SELECT count(*) FROM deal_stock s WHERE claimed > allotment OR claimed <>"
        " (SELECT coalesce(sum(l.quantity), 0) FROM order_lines l"
        "  JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id"
        "  WHERE l.deal_id = s.deal_id AND o.owns_units)"
    )
    checks.check(f"{_NAME}: deals oversold", oversold, holds=oversold == 0)


async def _check_limit(connection: Any, gates: dict[str, list[int]], checks: Checks) -> None:  # noqa: ANN401 - asyncpg's
    most = await connection.fetchval(
        "SELECT coalesce(max(units), 0) FROM (SELECT sum(l.quantity) AS units FROM order_lines l"
        " JOIN orders o ON o.user_id = l.user_id AND o.id = l.order_id WHERE o.owns_units"
        " GROUP BY l.user_id, l.deal_id) each"
    )
    most = max(int(most), *(gate[5] for gate in gates.values()))
    checks.check(
        f"{_NAME}: no buyer is above the purchase limit",
        f"at most {most} of {LIMIT} units",
        holds=most <= LIMIT,
    )
