"""A small sound sale, made up row by row, so that a test can break it in one place."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from orders.ledger import Entry, Reason
from tests.faults.evidence import Evidence, GateDump, Row
from tests.faults.history import History, Operation
from tests.faults.opening import Person, Sale

Alteration = Callable[[Evidence], None]

BREACHES: Final[list[tuple[str, str, Alteration]]] = []
"""(invariant, name, what breaks it), filled by the modules breaches_of_..."""

NOW: Final = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
DEAL: Final = "deal_1"
PRICE: Final = 1_000
LIMIT: Final = 2
ANN, BEN, CEM = (Person(f"usr_{name}", f"token of {name}") for name in ("ann", "ben", "cem"))
_ENTRIES: Final[tuple[tuple[Reason, int, tuple[str, ...], tuple[int, int, int]], ...]] = (
    ("OPENED", 10, (), (10, 0, 0)),
    ("CLAIMED", 3, ("ord_ann", "ord_ben"), (10, 3, 0)),
    ("SOLD", 2, ("ord_ann",), (10, 3, 2)),
    ("FREED", 1, ("ord_ben",), (10, 2, 2)),
)


def sound() -> Evidence:
    """Ann has paid two units, Ben's order of one expired, Cem has signed out. Ten units in all."""
    people = (ANN, BEN)
    sale = Sale(people, (CEM,), Person("usr_op", "-"), (DEAL,), {DEAL: PRICE}, LIMIT)
    found = Evidence(sale=sale, history=_history(), at=NOW)
    found.ledger = _ledger()
    found.deals = [
        {
            "id": DEAL,
            "epoch": 3,
            "purchase_limit": LIMIT,
            "allotment": 10,
            "claimed": 2,
            "sold": 2,
            "ledger_head": found.ledger[-1]["hash"],
        }
    ]
    found.deal_buyers = [
        {"user_id": ANN.user_id, "deal_id": DEAL, "units": 2},
        {"user_id": BEN.user_id, "deal_id": DEAL, "units": 0},
    ]
    found.orders = [_order("ann", "PAID", 2, rank=2), _order("ben", "EXPIRED", 1, rank=3)]
    found.lines = [_line("ann", 2), _line("ben", 1)]
    found.checkouts = [_checkout("ann", 2), _checkout("ben", 1)]
    found.keys = [
        {"user_id": f"usr_{who}", "key": f"key {who}", "order_id": f"ord_{who}"}
        for who in ("ann", "ben")
    ]
    found.notifications = [{"user_id": ANN.user_id, "fact": "order_confirmed:ord_ann"}]
    found.sessions = [{"user_id": CEM.user_id, "revoked_at": NOW, "token_hash": b""}]
    found.inbox = [{"event_id": "evt_1", "handled_at": NOW, "intent_id": "pi_ann", "type": "-"}]
    found.intents = [_intent("ann", "succeeded", 2), _intent("ben", "canceled", 1)]
    found.charges = [{"intent_id": "pi_ann", "status": "succeeded", "amount": 2 * PRICE}]
    found.gates = {DEAL: _gate()}
    return found


def told(order: str, status: str, units: int) -> dict[str, Any]:
    """An order as it is answered."""
    lines = [{"quantity": units, "deal": {"id": DEAL}}]
    return {"id": order, "status": status, "lines": lines}


def _gate() -> GateDump:
    counters = {"epoch": 3, "allotment": 10, "available": 8, "held": 0, "committed": 2}
    return GateDump(
        stock={name: str(value) for name, value in counters.items()},
        claims={"ord_ann": (2, 2, "SOLD", ANN.user_id), "ord_ben": (1, 3, "FREED", BEN.user_id)},
        bought={ANN.user_id: 2},
    )


def _history() -> History:
    history = History()

    def note(who: Person, name: str, asked: Row, answer: Row) -> None:
        history.ok(history.invoke(who.user_id, name, **asked), **answer)

    for who, units, status in ((ANN, 2, "PAID"), (BEN, 1, "PENDING_PAYMENT")):
        name = who.user_id.removeprefix("usr_")
        cart = {"items": [{"deal": {"id": DEAL}, "quantity": units}]}
        key = f"add {name}"
        note(who, "add", {"dealId": DEAL, "quantity": units, "idempotencyKey": key}, {"cart": cart})
        item = {"deal": {"id": DEAL}, "quantity": units, "unitPrice": {"amountMinor": PRICE}}
        total = {"amountMinor": units * PRICE, "currency": "USD"}
        note(who, "checkout", {}, {"id": f"chk_{name}", "items": [item], "total": total})
        placing = {"checkoutId": f"chk_{name}", "idempotencyKey": f"key {name}"}
        placed = told(f"ord_{name}", "PENDING_PAYMENT", units)
        note(who, "place", placing, {"order": placed})
        note(who, "order", {"id": f"ord_{name}"}, told(f"ord_{name}", status, units))
    stock = {"allotment": 10, "available": 8, "held": 0, "sold": 2}
    note(ANN, "shelf", {"id": DEAL}, {"id": DEAL, "stock": stock})
    note(CEM, "logout", {}, {"value": True})
    history.mark("healed")
    note(ANN, "place", {"checkoutId": "chk_ann", "idempotencyKey": "key ann"},
         {"order": told("ord_ann", "PAID", 2)})  # fmt: skip
    return history


def _order(who: str, status: str, units: int, *, rank: int) -> Row:
    return {
        "user_id": f"usr_{who}",
        "id": f"ord_{who}",
        "checkout_id": f"chk_{who}",
        "status": status,
        "rank": rank,
        "owns_units": status == "PAID",
        "total_minor": units * PRICE,
        "currency": "USD",
        "paid_by": f"pi_{who}" if status == "PAID" else None,
    }


def _line(who: str, units: int) -> Row:
    return {
        "user_id": f"usr_{who}",
        "order_id": f"ord_{who}",
        "deal_id": DEAL,
        "quantity": units,
        "unit_price_minor": PRICE,
    }


def _checkout(who: str, units: int) -> Row:
    row = f'[{{"deal_id": "{DEAL}", "quantity": {units}, "unit_price_minor": {PRICE}}}]'
    return {
        "user_id": f"usr_{who}",
        "id": f"chk_{who}",
        "lines": row,
        "total_minor": units * PRICE,
    }


def _intent(who: str, status: str, units: int) -> Row:
    return {
        "id": f"pi_{who}",
        "status": status,
        "amount_received": units * PRICE if status == "succeeded" else 0,
        "amount_refunded": 0,
        "currency": "usd",
        "metadata": {"order_id": f"ord_{who}", "user_id": f"usr_{who}"},
    }


def _ledger() -> list[Row]:
    """Hashed by the product's own code, so that the checker's is compared with it."""
    rows: list[Row] = []
    head = b""
    for seq, (reason, units, order_ids, counters) in enumerate(_ENTRIES, start=1):
        allotment, claimed, sold = counters
        entry = Entry(
            deal_id=DEAL,
            seq=seq,
            reason=reason,
            units=units,
            order_ids=order_ids,
            actor="settlement",
            note='zehn "Stück" \\ 10 €',
            allotment=allotment,
            claimed=claimed,
            sold=sold,
            at=NOW,
            prev_hash=head,
        )
        head = entry.digest()
        rows.append({**asdict(entry), "order_ids": list(order_ids), "hash": head})
    return rows


def breach(invariant: str) -> Callable[[Alteration], Alteration]:
    """Name the invariant that an alteration of a sound sale breaks."""

    def note(alter: Alteration) -> Alteration:
        BREACHES.append((invariant, alter.__name__, alter))
        return alter

    return note


def last(found: Evidence, name: str) -> Operation:
    """The last operation of this name."""
    return list(found.history.of(name))[-1]


def ask(found: Evidence, who: str, name: str, **asked: Any) -> Operation:
    """One more request, without an answer yet."""
    return found.history.invoke(who, name, **asked)
