"""Invariants about units: I1 never oversold, I6 the gate agrees, I8 limits, I12 the ledger."""

import hashlib
import json
from collections import defaultdict
from datetime import UTC
from typing import Any, Final

from orders.ledger import EFFECTS
from tests.faults.evidence import Evidence, GateDump, Row

# Which orders own units, whatever their row says; of the others it depends.
OWNERS: Final = frozenset({"PENDING_PAYMENT", "CANCELLING", "EXPIRING", "PAID"})
ENDED: Final = frozenset({"EXPIRED", "CANCELLED", "REFUNDED", "ABANDONED"})
_SOLD_RANKS: Final = (2, 4)
_PHASES: Final = {
    "CLAIMED": (None, "CLAIMED"),
    "SOLD": ("CLAIMED", "SOLD"),
    "FREED": ("CLAIMED", None),
    "RETURNED": ("SOLD", None),
    "WRITTEN_OFF": ("SOLD", None),
}
"""What an entry about an order finds, and what it leaves."""


def never_oversold(found: Evidence) -> list[str]:
    """I1: claimed <= allotment, the sum of live order lines = claimed, and every answer adds up."""
    lines: list[str] = []
    for deal in found.deals:
        allotment, claimed, sold = deal["allotment"], deal["claimed"], deal["sold"]
        figures = f"{deal['id']}: allotment {allotment}, claimed {claimed}, sold {sold}"
        if not 0 <= sold <= claimed <= allotment:
            lines.append(f"{figures}: oversold")
        if (ordered := found.owned(deal["id"])) != claimed:
            lines.append(f"{figures}, but live order lines add up to {ordered}")
        if (paid := found.owned(deal["id"], *_SOLD_RANKS)) != sold:
            lines.append(f"{figures}, but sold order lines add up to {paid}")
    for order in found.orders:
        status, owns = order["status"], order["owns_units"]
        if (status in OWNERS and not owns) or (status in ENDED and owns):
            lines.append(f"{order['id']} is {status}, and owns_units is {owns}")
    for operation in found.history.of("shelf"):
        stock = operation.told.get("stock")
        if not stock:
            continue
        parts = (stock["available"], stock["held"], stock["sold"])
        if min(parts) < 0 or sum(parts) != stock["allotment"]:
            lines.append(f"a stock was shown that does not add up: {stock}")
    return lines


def gate_agrees(found: Evidence) -> list[str]:
    """I6: after settling, the gate of each deal and Postgres say the same, and no drift is open."""
    lines = [
        f"{drift['class']} of {drift['deal_id']} {drift['order_id']} is open: {drift['note']}"
        for drift in found.drift
    ]
    for deal in found.deals:
        gate = found.gates.get(deal["id"], GateDump())
        if not gate.stock:
            lines.append(f"{deal['id']} has no gate")
            continue
        differences = _compare(found, deal, gate)
        lines += [f"{deal['id']}: {difference}" for difference in differences]
    return lines


def _compare(found: Evidence, deal: Row, gate: GateDump) -> list[str]:
    holds = sum(units for units, _, _ in gate.holds.values())
    owned = {
        (order["user_id"], order["id"]): order["rank"]
        for order in found.orders
        if order["owns_units"]
    }
    claimed = {
        line["order_id"]: (line["quantity"], line["user_id"])
        for line in found.lines
        if line["deal_id"] == deal["id"]
        and owned.get((line["user_id"], line["order_id"])) not in (None, *_SOLD_RANKS)
    }
    at_gate = {
        order: (units, buyer)
        for order, (units, _, place, buyer) in gate.claims.items()
        if place == "CLAIMED"
    }
    bought = {
        row["user_id"]: row["units"]
        for row in found.deal_buyers
        if row["deal_id"] == deal["id"] and row["units"]
    }
    held = holds + sum(units for units, _ in at_gate.values())
    pairs: dict[str, tuple[Any, Any]] = {
        "epoch": (gate.count("epoch"), deal["epoch"]),
        "allotment": (gate.count("allotment"), deal["allotment"]),
        "committed": (gate.count("committed"), deal["sold"]),
        "held (its own holds and claims)": (gate.count("held"), held),
        "available": (
            gate.count("available"),
            deal["allotment"] - deal["claimed"] - holds,
        ),
        "claims": (at_gate, claimed),
        "bought": (gate.bought, bought),
        "unconfirmed": (gate.unconfirmed, ()),
    }
    return [
        f"{name} is {there} at the gate and {here} in Postgres"
        for name, (there, here) in pairs.items()
        if there != here
    ]


def limit_kept(found: Evidence) -> list[str]:
    """I8: no buyer above the purchase limit, held and bought together."""
    lines: list[str] = []
    limits = {deal["id"]: deal["purchase_limit"] for deal in found.deals}
    owned: dict[tuple[str, str], int] = defaultdict(int)
    for order in found.orders:
        if order["owns_units"]:
            for line in found.lines_of(order):
                owned[line["user_id"], line["deal_id"]] += line["quantity"]
    counted = {
        (row["user_id"], row["deal_id"]): row["units"] for row in found.deal_buyers if row["units"]
    }
    for who, deal_id in sorted(owned.keys() | counted.keys()):
        units, known = owned.get((who, deal_id), 0), counted.get((who, deal_id), 0)
        if units > limits[deal_id]:
            lines.append(f"{who} owns {units} of {deal_id}, the limit is {limits[deal_id]}")
        if units != known:
            lines.append(f"{who} owns {units} of {deal_id}, deal_buyers says {known}")
    for deal_id, gate in found.gates.items():
        for who, (units, _, _) in gate.holds.items():
            if units + gate.bought.get(who, 0) > limits[deal_id]:
                lines.append(f"{who} holds {units} of {deal_id} above the limit")
    return lines


def ledger_unbroken(found: Evidence) -> list[str]:
    """I12: each entry holds the hash of the one before, and leads to the counters it names."""
    lines: list[str] = []
    entries: dict[str, list[Row]] = defaultdict(list)
    for entry in found.ledger:
        entries[entry["deal_id"]].append(entry)
    for deal in found.deals:
        counters, head = (0, 0, 0), b""
        phases: dict[str, str | None] = {}
        for number, entry in enumerate(entries[deal["id"]], start=1):
            where = f"{deal['id']} entry {entry['seq']}"
            effect = EFFECTS[entry["reason"]]
            counters = _after(counters, effect, entry["units"])
            if entry["seq"] != number or entry["prev_hash"] != head:
                lines.append(f"{where} does not follow the one before")
            if entry["hash"] != _digest(entry):
                lines.append(f"{where} was altered")
            if counters != (entry["allotment"], entry["claimed"], entry["sold"]):
                lines.append(f"{where} cannot lead to its counters")
            lines += [f"{where}: {trouble}" for trouble in _follow(entry, phases)]
            head = entry["hash"]
        row = (deal["allotment"], deal["claimed"], deal["sold"])
        if (deal["ledger_head"], row) != (head, counters):
            lines.append(f"{deal['id']}: its counters are not those of the ledger's end")
    return lines


def _after(
    before: tuple[int, int, int], effect: tuple[int, int, int], units: int
) -> tuple[int, int, int]:
    allotment, claimed, sold = (
        counter + by * units for counter, by in zip(before, effect, strict=True)
    )
    return allotment, claimed, sold


def _follow(entry: Row, phases: dict[str, str | None]) -> list[str]:
    """The units of an order are claimed, then sold or freed, each once."""
    if entry["reason"] not in _PHASES:
        return []
    finds, leaves = _PHASES[entry["reason"]]
    troubles: list[str] = []
    for order in entry["order_ids"]:
        before = phases.get(order)
        if before != finds:
            troubles.append(f"{entry['reason']} of {order}, which is {before or 'not claimed'}")
        phases[order] = leaves
    return troubles


def _digest(entry: Row) -> bytes:
    """As docs say, and not by the product's own code."""
    covered = [
        entry["deal_id"],
        entry["seq"],
        entry["reason"],
        entry["units"],
        list(entry["order_ids"]),
        entry["actor"],
        entry["note"],
        entry["allotment"],
        entry["claimed"],
        entry["sold"],
        entry["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        entry["prev_hash"].hex(),
    ]
    text = json.dumps(covered, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()
