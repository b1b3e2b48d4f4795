"""Invariants about what was told: I5 I7 I9 I10 I13 I14, and that nobody is told INTERNAL."""

from collections import Counter, defaultdict
from typing import Final

from tests.faults.evidence import Evidence
from tests.faults.history import SET_BACK, History, Operation
from tests.faults.settling import in_transit

# A process that does not hear of a logout believes its memory this long (auth/sessions.py), and
# the answer may take as long as a client waits.
_FORGETTING_SECONDS: Final = 6.0
SELLING_SECONDS: Final = 10.0
# A hold of an older memory lapses within this, on a crowded machine, too.
_REVIVED_SECONDS: Final = 15.0
# Once somebody was told PAID, the order is that, or its money went back.
_AFTER_PAID: Final = frozenset({"PAID", "REFUND_PENDING", "REFUNDED", "UNDER_REVIEW"})


def answered_orders_exist(found: Evidence) -> list[str]:
    """I5: an answered placeOrder is in Postgres, as it was answered; PAID is never unsaid."""
    lines: list[str] = []
    orders = {order["id"]: order for order in found.orders}
    for operation in _believed(found, "place", "order"):
        told = operation.told["order"] if operation.name == "place" else operation.told
        if "id" not in told:
            continue  # somebody read an order that is not there
        order = orders.get(told["id"])
        if order is None or order["user_id"] != operation.who:
            lines.append(f"{told['id']} was answered to {operation.who}, and is not there")
            continue
        ordered = {line["deal_id"]: line["quantity"] for line in found.lines_of(order)}
        answered = {line["deal"]["id"]: line["quantity"] for line in told["lines"]}
        if ordered != answered:
            lines.append(f"{told['id']}: {answered} was answered, {ordered} is there")
        if told["status"] == "PAID" and order["status"] not in _AFTER_PAID:
            lines.append(f"{told['id']} was told PAID, and is {order['status']}")
    for operation in _believed(found, "refund"):
        order = orders.get(operation.told["id"])
        if order is None or order["status"] != "REFUNDED":
            status = order and order["status"]
            lines.append(f"{operation.told['id']} was to be refunded, and is {status}")
    return lines


def nothing_stuck(found: Evidence) -> list[str]:
    """I7: nothing stays in a transient state, and nothing waits for a person."""
    reviewed = [order["id"] for order in found.orders if order["status"] == "UNDER_REVIEW"]
    return in_transit(found) + [f"{order} waits for a person" for order in reviewed]


def one_notice_per_fact(found: Evidence) -> list[str]:
    """I9: who has paid, or got money back, is told so once, nobody else; each event came once."""
    lines: list[str] = []
    sent_back = {
        intent["metadata"].get("order_id") for intent in found.intents if intent["amount_refunded"]
    }
    told = Counter((row["user_id"], row["fact"]) for row in found.notifications)
    lines += [f"{who} was told {fact} twice" for (who, fact), times in told.items() if times > 1]
    for order in found.orders:
        times = told[order["user_id"], f"order_confirmed:{order['id']}"]
        if order["status"] == "PAID" and times != 1:
            lines.append(f"{order['id']} is PAID, and its buyer was told so {times} times")
        if order["paid_by"] is None and times:
            lines.append(f"{order['id']} was never paid, and its buyer was told so")
        refunded = order["status"] == "REFUNDED" and order["id"] in sent_back
        times = told[order["user_id"], f"order_refunded:{order['id']}"]
        if times != refunded:
            lines.append(
                f"{order['id']} is {order['status']}, its buyer was told of a refund {times} times"
            )
    events = Counter(row["event_id"] for row in found.inbox)
    lines += [f"{event} came in {times} times" for event, times in events.items() if times > 1]
    return lines


def revoked_stays_revoked(found: Evidence) -> list[str]:
    """I10: a token that was signed out is refused ever after."""
    lines: list[str] = []
    gone: dict[str, float] = {}
    for operation in _believed(found, "logout"):
        assert operation.answered is not None
        gone.setdefault(operation.who, operation.answered)
    for operation in found.history.operations:
        left = gone.get(operation.who)
        if left is None or operation.name == "logout" or operation.outcome != "ok":
            continue
        if operation.invoked > left + _FORGETTING_SECONDS:
            late = operation.invoked - left
            lines.append(f"{operation.who} did {operation.name} {late:.1f} s after signing out")
    open_sessions = {row["user_id"] for row in found.sessions if row["revoked_at"] is None}
    lines += [f"{who} signed out, and the session is open" for who in gone if who in open_sessions]
    return lines


def same_key_same_answer(found: Evidence) -> list[str]:
    """I13: same idempotency key, same order; a checkout has one order; nothing is held twice."""
    lines: list[str] = []
    by_key: dict[tuple[str, str], set[str]] = defaultdict(set)
    by_checkout: dict[tuple[str, str], set[str]] = defaultdict(set)
    for operation in _believed(found, "place"):
        order_id = operation.told["order"]["id"]
        by_key[operation.who, operation.asked["idempotencyKey"]].add(order_id)
        by_checkout[operation.who, operation.asked["checkoutId"]].add(order_id)
    for what, answers in (*by_key.items(), *by_checkout.items()):
        if len(answers) > 1:
            lines.append(f"{what} was answered {sorted(answers)}")
    kept = {(row["user_id"], row["key"]): row["order_id"] for row in found.keys}
    placed = Counter((order["user_id"], order["checkout_id"]) for order in found.orders)
    lines += [f"{checkout} has {times} orders" for checkout, times in placed.items() if times > 1]
    for (who, key), answers in by_key.items():
        # A repeat under another key of the same checkout leaves the first key in place.
        if kept.get((who, key)) not in answers:
            lines.append(f"{who} {key}: {sorted(answers)} was answered, and is not remembered")
    return lines + _held_twice(found)


def _held_twice(found: Evidence) -> list[str]:
    """No cart shows more units than its buyer has ever asked for.

    A hold that has become an order may come back with an older memory of Redis, until it lapses.
    """
    lines: list[str] = []
    set_back = found.history.moments(SET_BACK)
    carts: dict[tuple[str, str], _Bound] = defaultdict(_Bound)
    for operation in sorted(_answered(found), key=lambda one: one.answered or 0.0):
        match operation.name:
            case "add" | "change" | "remove":
                carts[operation.who, operation.asked["dealId"]].asked(operation)
            case "place" if operation.outcome == "ok":
                for line in operation.told["order"]["lines"]:
                    carts[operation.who, line["deal"]["id"]].shown = 0
                continue
            case "cart":
                pass
            case _:
                continue
        if operation.outcome != "ok":
            continue
        cart = operation.told.get("cart", operation.told)
        for item in cart.get("items", ()):
            bound = carts[operation.who, item["deal"]["id"]]
            answered = operation.answered or 0.0
            revived = any(0.0 <= answered - moment <= _REVIVED_SECONDS for moment in set_back)
            if item["quantity"] > bound.most + (bound.ever if revived else 0):
                lines.append(
                    f"{operation.who} holds {item['quantity']} of {item['deal']['id']},"
                    f" and asked for {bound.most} at most (operation {operation.number})"
                )
            bound.shown = item["quantity"]
    return lines


class _Bound:
    """The most units of one deal that a buyer's own requests can have made a hold."""

    def __init__(self) -> None:
        self.ever = 0
        self._shown = 0
        self._open_adds: dict[str, int] = {}
        self._open_set = 0

    @property
    def shown(self) -> int:
        """The units that the buyer was told of last."""
        return self._shown

    @shown.setter
    def shown(self, units: int) -> None:
        self._shown = units
        self.ever = max(self.ever, units)

    @property
    def most(self) -> int:
        return max(self.shown, self._open_set) + sum(self._open_adds.values())

    def asked(self, operation: Operation) -> None:
        """Widen by what was asked; what a key has done already, it does not do again."""
        key = operation.asked.get("idempotencyKey") or f"operation {operation.number}"
        units = operation.asked.get("quantity", 0)
        if operation.name == "add":
            if operation.outcome == "unknown":
                self._open_adds[key] = units
            elif operation.outcome == "ok":
                already = self._open_adds.pop(key, None)
                self.shown += units if already is None else already
        elif operation.outcome == "ok":
            self.shown = units
        elif operation.outcome == "unknown":
            self._open_set = max(self._open_set, units)


def sales_go_on(found: Evidence) -> list[str]:
    """I14: ten seconds after a fault heals, somebody has placed an order again."""
    lines: list[str] = []
    placed = [one for one in found.history.of("place") if one.outcome == "ok"]
    for healed in found.history.moments("healed"):
        after = [one.answered - healed for one in placed if one.invoked >= healed and one.answered]
        if not after or min(after) > SELLING_SECONDS:
            soonest = f"{min(after):.1f} s" if after else "not at all"
            lines.append(f"healed at {healed:.1f} s; the next order was placed {soonest} later")
    return lines


def nobody_told_internal(found: Evidence) -> list[str]:
    """A store that is away is TryLater or OVERLOADED; INTERNAL is a mistake of the product."""
    counted = Counter(
        operation.name
        for operation in found.history.operations
        if operation.told.get("code") == "INTERNAL"
    )
    return [f"{name} was answered INTERNAL {times} times" for name, times in counted.items()]


def frozen_holds_kept(history: History) -> list[str]:
    """Where Redis forgets nothing, nobody with frozen units is told that they are sold."""
    return [
        f"{operation.who} had frozen units, and was told SOLD_OUT (operation {operation.number})"
        for operation in history.of("place")
        if operation.told.get("code") == "SOLD_OUT"
    ]


def _answered(found: Evidence) -> list[Operation]:
    return [one for one in found.history.operations if one.outcome != "invoked"]


def _believed(found: Evidence, *names: str) -> list[Operation]:
    """What was done, but for what a scenario has wiped out on purpose (see History.lose)."""
    return [
        operation
        for operation in found.history.of(*names)
        if operation.outcome == "ok" and not found.history.was_lost(operation)
    ]
