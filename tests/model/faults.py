"""What strikes, so many times in a run."""

from collections.abc import Iterator

from tests.model.edits import with_order
from tests.model.search import Step
from tests.model.state import NO_CLAIM, NO_GATE, NO_HOLD, Buyer, State
from tests.model.world import World


def striking(state: State, world: World) -> Iterator[Step[State]]:
    if not state.faults:
        return
    fewer = state._replace(faults=state.faults - 1)
    if world.flush and any(deal.gate.epoch for deal in state.deals):
        yield Step("Redis forgets everything", _forget(fewer))
    if world.rollback:
        if all(deal.saved == NO_GATE for deal in state.deals):
            yield Step("Redis saves a copy", _save(state))
        else:
            yield Step("Redis comes back with the copy", _restore(fewer))
    if world.die:
        for at, buyer in enumerate(state.buyers):
            for number, order in enumerate(buyer.orders):
                if order.phase == "CHECKOUT" and any(order.epochs):
                    dead = order._replace(phase="DEAD", epochs=(0,) * len(order.epochs))
                    yield Step(f"buyer {at}'s placeOrder dies", with_order(fewer, at, number, dead))


def _harm(buyer: Buyer) -> int:
    """Whether a fault of the gate strikes something of this buyer."""
    ordering = any(order.phase in ("CHECKOUT", "DEAD") for order in buyer.orders)
    return int(buyer.harmed or ordering or any(hold.units for hold in buyer.holds))


def _forget(state: State) -> State:
    buyers = tuple(
        buyer._replace(
            holds=(NO_HOLD,) * len(state.deals),
            bought=(0,) * len(state.deals),
            harmed=_harm(buyer),
            orders=tuple(
                order._replace(claims=(NO_CLAIM,) * len(state.deals)) for order in buyer.orders
            ),
        )
        for buyer in state.buyers
    )
    deals = tuple(deal._replace(gate=NO_GATE) for deal in state.deals)
    return state._replace(buyers=buyers, deals=deals)


def _save(state: State) -> State:
    buyers = tuple(
        buyer._replace(
            saved=tuple(
                (buyer.holds[d], buyer.bought[d], tuple(order.claims[d] for order in buyer.orders))
                for d in range(len(state.deals))
            )
        )
        for buyer in state.buyers
    )
    deals = tuple(deal._replace(saved=deal.gate) for deal in state.deals)
    return state._replace(buyers=buyers, deals=deals)


def _restore(state: State) -> State:
    buyers = []
    for buyer in state.buyers:
        orders = tuple(
            order._replace(claims=tuple(saved[2][number] for saved in buyer.saved))
            for number, order in enumerate(buyer.orders)
        )
        holds = tuple(saved[0] for saved in buyer.saved)
        harmed = int(_harm(buyer) or any(hold.units for hold in holds))
        bought = tuple(saved[1] for saved in buyer.saved)
        buyers.append(buyer._replace(holds=holds, bought=bought, orders=orders, harmed=harmed))
    deals = tuple(deal._replace(gate=deal.saved) for deal in state.deals)
    return state._replace(buyers=tuple(buyers), deals=deals, run=state.run + 1)
