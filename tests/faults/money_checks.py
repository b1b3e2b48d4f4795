"""Invariants about money: I2 and I4 one order per capture, I3 paid orders, I11 the price shown."""

import json
from collections import Counter, defaultdict

from tests.faults.evidence import Evidence, Row
from tests.faults.stock_checks import ENDED

_ON_ITS_WAY_BACK = "REFUND_PENDING"
_FOR_A_PERSON = "UNDER_REVIEW"


def kept(intent: Row) -> int:
    """What the merchant has of an intent: received and not sent back."""
    return int(intent["amount_received"] - intent["amount_refunded"])


def captures_have_orders(found: Evidence) -> list[str]:
    """I2: every captured payment that was not sent back has exactly one order, and it is paid."""
    lines: list[str] = []
    for intent in found.intents:
        if not kept(intent):
            continue
        order_id = intent["metadata"].get("order_id")
        orders = [order for order in found.orders if order["id"] == order_id]
        where = f"{intent['id']} of {order_id}: {kept(intent)} captured"
        if len(orders) != 1:
            lines.append(f"{where}, and {len(orders)} orders")
            continue
        (order,) = orders
        paid = order["status"] == "PAID" and order["paid_by"] == intent["id"]
        if order["user_id"] != intent["metadata"].get("user_id"):
            lines.append(f"{where}, and the order is another buyer's")
        elif not paid and order["status"] not in (_ON_ITS_WAY_BACK, _FOR_A_PERSON):
            lines.append(f"{where}, and the order is {order['status']} by {order['paid_by']}")
    return lines


def paid_orders_have_payments(found: Evidence) -> list[str]:
    """I3: every PAID order has its payment of the same amount; an ended one has none, nor can."""
    lines: list[str] = []
    intents = {intent["id"]: intent for intent in found.intents}
    of_order: dict[str, list[Row]] = defaultdict(list)
    for intent in found.intents:
        of_order[intent["metadata"].get("order_id", "")].append(intent)
    for order in found.orders:
        where = f"{order['id']} is {order['status']}"
        if order["status"] == "PAID":
            lines += _unpaid(order, intents.get(order["paid_by"] or ""), where)
        if order["status"] in ENDED:
            for intent in of_order[order["id"]]:
                if kept(intent):
                    lines.append(f"{where}, and {kept(intent)} of {intent['id']} is kept")
                elif intent["status"] not in ("canceled", "succeeded"):
                    lines.append(f"{where}, and {intent['id']} is still {intent['status']}")
    return lines


def _unpaid(order: Row, intent: Row | None, where: str) -> list[str]:
    if intent is None:
        return [f"{where} by {order['paid_by']}, which the provider does not know"]
    if intent["metadata"].get("order_id") != order["id"]:
        return [f"{where} by {intent['id']}, which is of {intent['metadata']}"]
    charged = (kept(intent), intent["currency"].upper())
    agreed = (order["total_minor"], order["currency"])
    return [] if charged == agreed else [f"{where}: {agreed} agreed, {charged} charged and kept"]


def one_capture_per_order(found: Evidence) -> list[str]:
    """I4: one captured payment per order, one charge per intent, at most that sent back."""
    captured = Counter(
        intent["metadata"].get("order_id") for intent in found.intents if kept(intent)
    )
    charged = Counter(
        charge["intent_id"] for charge in found.charges if charge["status"] == "succeeded"
    )
    lines = [f"{order} was paid {times} times" for order, times in captured.items() if times > 1]
    lines += [
        f"{intent} was charged {times} times" for intent, times in charged.items() if times > 1
    ]
    sent_back: dict[str, int] = defaultdict(int)
    for refund in found.refunds:
        sent_back[refund["intent_id"]] += refund["amount"]
    for intent in found.intents:
        if sent_back[intent["id"]] > intent["amount_received"]:
            lines.append(f"{intent['id']}: more was sent back than received")
    return lines


def price_as_shown(found: Evidence) -> list[str]:
    """I11: the price of an order is the price shown at its checkout.

    Where Postgres was set back, an order that was on its way may be written without its checkout,
    which only the buyer remembers then.
    """
    lines: list[str] = []
    fixed = {(row["user_id"], row["id"]): row for row in found.checkouts}
    shown = {
        operation.told["id"]: operation
        for operation in found.history.of("checkout")
        if operation.outcome == "ok"
    }
    for order in found.orders:
        if order["status"] == "ABANDONED":
            continue  # its lines, if any, were never agreed to
        ordered = found.lines_of(order)
        if not ordered:
            continue  # money adopted without a checkout: it can only be refunded
        terms = fixed.get((order["user_id"], order["checkout_id"]))
        seen = shown.get(order["checkout_id"])
        troubles = _differences(order, ordered, terms, seen.told if seen else None)
        if terms is None and (seen is None or not found.history.was_lost(seen)):
            troubles.append("no checkout")
        lines += [f"{order['id']}: {trouble}" for trouble in troubles]
    return lines


def _differences(order: Row, ordered: list[Row], fixed: Row | None, shown: Row | None) -> list[str]:
    agreed = {line["deal_id"]: (line["quantity"], line["unit_price_minor"]) for line in ordered}
    total = sum(quantity * price for quantity, price in agreed.values())
    troubles: list[str] = []
    if total != order["total_minor"]:
        troubles.append(f"lines add up to {total}, its total is {order['total_minor']}")
    if fixed is not None:
        rows = json.loads(fixed["lines"])
        terms = {row["deal_id"]: (row["quantity"], row["unit_price_minor"]) for row in rows}
        if (terms, fixed["total_minor"]) != (agreed, total):
            troubles.append(f"{agreed} ordered, {terms} fixed by the checkout")
    if shown is not None:
        seen = {
            item["deal"]["id"]: (item["quantity"], item["unitPrice"]["amountMinor"])
            for item in shown["items"]
        }
        if (seen, shown["total"]["amountMinor"]) != (agreed, total):
            troubles.append(f"{agreed} ordered, {seen} shown at the checkout")
    return troubles
