"""What becomes of orders; the payments themselves are the other model's subject."""

from collections.abc import Iterator

from tests.model.buying import refusal
from tests.model.edits import (
    claim_in_postgres,
    count_bought,
    is_open,
    messages_to_gates,
    sell_in_postgres,
    stage,
    with_buyer,
    with_claim,
    with_deal,
    with_gate,
    with_order,
)
from tests.model.search import Step
from tests.model.state import CLAIMED, FREED, NOWHERE, SOLD, Claim, Late, Order, State, put
from tests.model.world import World


def paying(state: State, world: World) -> Iterator[Step[State]]:
    for at, buyer in enumerate(state.buyers):
        for number, order in enumerate(buyer.orders):
            match order.status:
                case "PENDING_PAYMENT":
                    yield from _pending(state, world, at, number)
                case "EXPIRED":
                    yield from _expired(state, world, at, number)
                case "PAID" if world.refunds:
                    yield from _refund(state, world, at, number)
                case "REFUND_PENDING":
                    yield from _refunding(state, world, at, number)
            for which in range(len(order.late)):
                yield from _late_money(state, world, at, number, which)


def _pending(state: State, world: World, at: int, number: int) -> Iterator[Step[State]]:
    order = state.buyers[at].orders[number]
    if world.pays:
        paid = stage(
            order._replace(status="PAID", rank=2, money="CAPTURED"),
            *messages_to_gates(state, order, 2),
        )
        sold = sell_in_postgres(state, order.quantities, 1)
        yield Step(f"buyer {at}'s order is paid", with_order(sold, at, number, paid))
    if world.expires:
        yield Step(f"buyer {at}'s order expires", _free(state, at, number, status="EXPIRED"))


def _free(state: State, at: int, number: int, *, status: str, restock: int = 1) -> State:
    """Units of an order that its row still owns become free (rule 10)."""
    order = state.buyers[at].orders[number]
    rank = 3 if order.rank < 4 else 5
    if order.rank in (2, 4):
        state = sell_in_postgres(state, order.quantities, -1)
    if not restock:
        for deal, units in enumerate(order.quantities):
            row = state.deals[deal]
            state = with_deal(state, deal, row._replace(allotment=row.allotment - units))
    freed = order._replace(status=status, rank=rank, owns=0)
    freed = stage(freed, *messages_to_gates(state, order, rank, restock))
    after = claim_in_postgres(state, at, order.quantities, -1)
    return with_order(after, at, number, freed)


def _expired(state: State, world: World, at: int, number: int) -> Iterator[Step[State]]:
    order = state.buyers[at].orders[number]
    if world.late and not order.money:
        captured = order._replace(money="CAPTURED")
        yield Step(f"late money for buyer {at}'s order", with_order(state, at, number, captured))
    nothing = (0,) * len(order.quantities)
    if order.money == "CAPTURED" and len(order.late) < world.late:
        begun = order._replace(late=tuple(sorted((*order.late, Late(nothing, 0)))))
        yield Step(f"late money of buyer {at} is looked at", with_order(state, at, number, begun))


def _late_money(
    state: State, world: World, at: int, number: int, which: int
) -> Iterator[Step[State]]:
    """Claim again at every gate, then in Postgres under the same epochs; else refund (rule 9)."""
    order = state.buyers[at].orders[number]
    late = order.late[which]
    if world.die and state.faults:
        dead = _without(order, which)
        fewer = state._replace(faults=state.faults - 1)
        yield Step(f"late money's process of buyer {at} dies", with_order(fewer, at, number, dead))
    if late.refused:
        yield _late_refused(state, at, number, which)
        return
    deal = next((d for d, epoch in enumerate(late.epochs) if not epoch), None)
    if deal is None or not world.keeps("rule-9"):
        yield _late_transaction(state, world, at, number, which)
    elif is_open(state, deal, world):
        yield _reclaim(state, world, at, number, which, deal)


def _reclaim(
    state: State, world: World, at: int, number: int, which: int, deal: int
) -> Step[State]:
    buyer = state.buyers[at]
    order = buyer.orders[number]
    claim, gate, units = order.claims[deal], state.deals[deal].gate, order.quantities[deal]
    label = f"late money of buyer {at} claims deal {deal} again"
    late = Late(put(order.late[which].epochs, deal, gate.epoch), 0)
    if claim.place != SOLD:
        yours = buyer.holds[deal].units + buyer.bought[deal] + units
        takes = claim.place in (NOWHERE, FREED)
        if claim.rank > 3 or (takes and (yours > world.limit or units > gate.available)):
            refused = _with_late(order, which, Late((0,) * len(late.epochs), 1))
            return Step(f"{label}: refused", with_order(state, at, number, refused))
        if takes:
            state = with_gate(state, deal, gate._replace(available=gate.available - units))
            state = with_buyer(state, at, count_bought(buyer, deal, units))
        order = with_claim(order, deal, Claim(3, CLAIMED))
    return Step(label, with_order(state, at, number, _with_late(order, which, late)))


def _late_transaction(state: State, world: World, at: int, number: int, which: int) -> Step[State]:
    order = state.buyers[at].orders[number]
    late = order.late[which]
    label = f"late money's transaction of buyer {at}"
    if order.status != "EXPIRED":
        return Step(f"{label}: moved", with_order(state, at, number, _without(order, which)))
    fenced = world.keeps("rule-3-late") and world.keeps("rule-9")
    if fenced and any(e != deal.epoch for e, deal in zip(late.epochs, state.deals, strict=True)):
        again = _with_late(order, which, Late((0,) * len(late.epochs), 0))
        return Step(f"{label}: the gate has moved", with_order(state, at, number, again))
    if refusal(state, world, at, order.quantities):
        refused = _with_late(order, which, Late((0,) * len(late.epochs), 1))
        return Step(f"{label}: refused", with_order(state, at, number, refused))
    paid = _without(order, which)._replace(status="PAID", rank=4, owns=1)
    paid = stage(paid, *messages_to_gates(state, order, 4))
    after = claim_in_postgres(state, at, order.quantities, 1)
    after = sell_in_postgres(after, order.quantities, 1)
    return Step(f"{label} commits", with_order(after, at, number, paid))


def _late_refused(state: State, at: int, number: int, which: int) -> Step[State]:
    order = state.buyers[at].orders[number]
    after = _without(order, which)
    if order.status == "EXPIRED":
        after = stage(
            after._replace(status="REFUND_PENDING", rank=5, restock=1),
            *messages_to_gates(state, order, 5),
        )
    return Step(f"buyer {at}'s late money is to be refunded", with_order(state, at, number, after))


def _refund(state: State, world: World, at: int, number: int) -> Iterator[Step[State]]:
    order = state.buyers[at].orders[number]
    for restock in (1, 0) if world.write_offs else (1,):
        pending = order._replace(status="REFUND_PENDING", restock=restock)
        how = "with" if restock else "without"
        yield Step(
            f"buyer {at}'s order is to be refunded {how} restock",
            with_order(state, at, number, pending),
        )


def _refunding(state: State, world: World, at: int, number: int) -> Iterator[Step[State]]:
    """The money is back: now the units that the row still owns are freed."""
    order = state.buyers[at].orders[number]
    state = with_order(state, at, number, order._replace(money="REFUNDED"))
    if order.owns or not world.keeps("rule-10"):
        after = _free(state, at, number, status="REFUNDED", restock=order.restock)
    else:
        after = with_order(state, at, number, order._replace(status="REFUNDED", money="REFUNDED"))
    yield Step(f"buyer {at}'s order is refunded", after)


def _with_late(order: Order, which: int, late: Late) -> Order:
    return order._replace(late=tuple(sorted(put(order.late, which, late))))


def _without(order: Order, which: int) -> Order:
    return order._replace(late=(*order.late[:which], *order.late[which + 1 :]))
