"""The model of the stock: who may do what, and what must never be."""

from collections.abc import Iterator
from functools import partial

from tests.model.buying import buying
from tests.model.faults import striking
from tests.model.messages import delivering
from tests.model.operators import operating
from tests.model.paying import paying
from tests.model.rebuilding import rebuilding
from tests.model.search import Step, Subject
from tests.model.state import CLAIMED, Buyer, Claim, Desk, Order, State, canonical, first_state
from tests.model.world import World


def subject(world: World) -> Subject[State]:
    """The search that a world describes."""
    start = first_state(
        buyers=world.buyers,
        deals=world.deals,
        units=world.units,
        orders=world.orders,
        rebuilds=world.rebuilds,
        faults=world.faults,
        desk=Desk(world.gives, world.takes, 0, 0),
    )
    return Subject(
        start=start,
        steps=partial(steps, world=world),
        broken=partial(broken, world=world),
        canonical=canonical,
    )


def steps(state: State, world: World) -> list[Step[State]]:
    """All that can happen next, whoever does it."""
    return list(_all_steps(state, world))


def _all_steps(state: State, world: World) -> Iterator[Step[State]]:
    yield from buying(state, world)
    yield from delivering(state, world)
    yield from paying(state, world)
    yield from rebuilding(state, world)
    yield from operating(state, world)
    yield from striking(state, world)


def broken(state: State, world: World) -> str:
    """What must never be, and what must not be once everything is settled."""
    for at, deal in enumerate(state.deals):
        if not 0 <= deal.sold <= deal.claimed <= deal.allotment:
            return f"Postgres has oversold deal {at}"
        owned = sum(
            order.quantities[at] for buyer in state.buyers for order in buyer.orders if order.owns
        )
        if owned != deal.claimed:
            return f"deal {at} counts {deal.claimed} claimed units, its orders own {owned}"
        if deal.gate.available < 0:
            return f"the gate of deal {at} offers fewer than no units"
    for buyer in state.buyers:
        if any(units > world.limit for units in buyer.units):
            return "a buyer has more than the purchase limit allows"
        if world.echoes and buyer.holds[0].units + _claimed(buyer) > world.each:
            return "a buyer holds and has claimed more than was asked for"
    return _unsettled(state) if is_quiet(state, world) else ""


def _claimed(buyer: Buyer) -> int:
    return sum(order.quantities[0] for order in buyer.orders if order.claims[0].place == CLAIMED)


def is_quiet(state: State, world: World) -> bool:
    """Whether nothing is under way any more, and nothing waits for anybody but a buyer."""
    return (
        all(rebuild.stage == "IDLE" for rebuild in state.rebuilds)
        and not (state.desk.giving or state.desk.taking)
        and all(
            deal.gate.epoch == deal.epoch and deal.gate.run == state.run for deal in state.deals
        )
        and all(_is_quiet_order(order, world) for buyer in state.buyers for order in buyer.orders)
    )


def _is_quiet_order(order: Order, world: World) -> bool:
    unknown = order.status in ("", "ABANDONED") and world.keeps("rule-2-at-all")
    return not (
        order.messages
        or (unknown and Claim(0, CLAIMED) in order.claims)
        or order.late
        or any(order.epochs)
        or order.status == "REFUND_PENDING"
        or (order.status == "EXPIRED" and order.money == "CAPTURED")
    )


def _unsettled(state: State) -> str:
    for at, deal in enumerate(state.deals):
        held = sum(buyer.holds[at].units for buyer in state.buyers)
        free = deal.allotment - deal.claimed - held
        if deal.gate.available > free:
            return f"the gate of deal {at} offers units that are not there"
        if deal.gate.available < free:
            return f"units of deal {at} are stranded"
        if (deal.gate.allotment, deal.gate.sold) != (deal.allotment, deal.sold):
            return f"the gate of deal {at} and Postgres count differently"
    return ""
