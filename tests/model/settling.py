"""What settling decides of an order, as `orders.decision` does, with rules that can be left out."""

from typing import NamedTuple

from tests.model.world import World


class Facts(NamedTuple):
    status: str
    known: int
    open: int
    captures: tuple[int, ...]
    paid_by: int


class Decision(NamedTuple):
    status: str
    paid_by: int = 0
    opens: bool = False
    cancels: bool = False
    reclaims: bool = False
    refunds: tuple[int, ...] = ()


def decide(facts: Facts, world: World, *, units: str, listed: int) -> Decision:
    match facts.status:
        case "PENDING_PAYMENT":
            if facts.captures:
                return Decision("PAID", facts.captures[0])
            return Decision(facts.status, opens=not facts.known)
        case "EXPIRING" | "CANCELLING":
            return _closing(facts, world, listed)
        case "EXPIRED" | "CANCELLED":
            return _closed(facts, units)
        case "PAID":
            extra = tuple(number for number in facts.captures if number != facts.paid_by)
            if not world.keeps("rule-8-extra"):
                extra = ()
            return Decision("PAID", cancels=facts.open > 0, refunds=extra)
        case "REFUND_PENDING":
            unread = not (facts.captures or (facts.known and listed))
            if facts.captures or facts.open or unread:
                cancels = facts.open > 0 or unread
                return Decision(facts.status, cancels=cancels, refunds=facts.captures)
            return Decision("REFUNDED")
        case _:
            return Decision(facts.status, cancels=facts.open > 0, refunds=facts.captures)


def _closing(facts: Facts, world: World, listed: int) -> Decision:
    if facts.captures:
        return Decision("PAID", facts.captures[0])
    asks = not listed or (world.keeps("rule-7") and not facts.known) or facts.open > 0
    if not world.keeps("cancelled-first"):
        asks = False
    if asks:
        return Decision(facts.status, cancels=True)
    return Decision("EXPIRED" if facts.status == "EXPIRING" else "CANCELLED")


def _closed(facts: Facts, units: str) -> Decision:
    if not facts.captures:
        return Decision(facts.status, cancels=facts.open > 0)
    match units:
        case "UNTRIED":
            return Decision(facts.status, reclaims=True)
        case "TAKEN":
            return Decision("PAID", facts.captures[0])
        case _:
            return Decision("REFUND_PENDING", refunds=facts.captures)
