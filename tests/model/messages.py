"""How a gate takes messages from Postgres (rule 4): at least once, at any time, in any order."""

from collections.abc import Iterator

from tests.model.edits import (
    count_bought,
    is_open,
    with_buyer,
    with_claim,
    with_gate,
    with_order,
)
from tests.model.rebuilding import raise_epoch
from tests.model.search import Step
from tests.model.state import (
    CLAIMED,
    FREED,
    NOWHERE,
    SOLD,
    Claim,
    Message,
    State,
)
from tests.model.world import World

_NAMES = {1: "claimed", 2: "sold", 3: "freed", 4: "sold again", 5: "freed again"}


def delivering(state: State, world: World) -> Iterator[Step[State]]:
    for at, buyer in enumerate(state.buyers):
        for number, order in enumerate(buyer.orders):
            for message in order.messages:
                yield from _deliver(state, world, at, number, message)


def _deliver(
    state: State, world: World, at: int, number: int, message: Message
) -> Iterator[Step[State]]:
    order = state.buyers[at].orders[number]
    after = _apply(state, world, at, number, message)
    if after is None:
        return
    label = f"the gate of deal {message.deal} hears: buyer {at}'s order is {_NAMES[message.rank]}"
    left = tuple(other for other in order.messages if other != message)
    now = after.buyers[at].orders[number]
    yield Step(label, with_order(after, at, number, now._replace(messages=left)))
    if world.repeat and state.faults:
        yield Step(f"{label}, and will again", after._replace(faults=state.faults - 1))


def _apply(state: State, world: World, at: int, number: int, message: Message) -> State | None:
    """The state after one message, still with the message; None: it has to wait."""
    deal = message.deal
    gate = state.deals[deal].gate
    order = state.buyers[at].orders[number]
    claim = order.claims[deal]
    older = gate.epoch < message.epoch and world.keeps("rule-4-epoch")
    if older or not is_open(state, deal, world):
        return None if world.keeps("rule-4-wait") else state
    if gate.epoch > message.epoch and world.keeps("rule-4-epoch"):
        return state
    if claim.rank >= message.rank and world.keeps("rule-4-rank"):
        return state
    match message.rank:
        case 1 if claim.place != NOWHERE or claim.rank:
            known = with_claim(order, deal, Claim(message.rank, claim.place))
            return with_order(state, at, number, known)
        case 2 | 4 if claim.place in (CLAIMED, SOLD):
            return _commit(state, at, number, message)
        case 3 | 5:
            return _release(state, at, number, message)
        case _:
            return _recount(state, world, message)


def _recount(state: State, world: World, message: Message) -> State | None:
    """The gate has this epoch and knows nothing of the claim: only a rebuild mends that."""
    if state.deals[message.deal].epoch > message.epoch:
        return state
    raised = raise_epoch(state, world, message.deal)
    return raised.state if raised is not None else None


def _commit(state: State, at: int, number: int, message: Message) -> State:
    deal, order = message.deal, state.buyers[at].orders[number]
    gate = state.deals[deal].gate
    if order.claims[deal].place == CLAIMED:
        gate = gate._replace(sold=gate.sold + order.quantities[deal])
    sold = with_claim(order, deal, Claim(message.rank, SOLD))
    return with_order(with_gate(state, deal, gate), at, number, sold)


def _release(state: State, at: int, number: int, message: Message) -> State:
    deal, order = message.deal, state.buyers[at].orders[number]
    gate, units = state.deals[deal].gate, order.quantities[deal]
    place = order.claims[deal].place
    if place in (CLAIMED, SOLD):
        if place == SOLD:
            gate = gate._replace(sold=gate.sold - units)
        if message.restock:
            gate = gate._replace(available=gate.available + units)
        else:
            gate = gate._replace(allotment=gate.allotment - units)
        state = with_buyer(state, at, count_bought(state.buyers[at], deal, -units))
    freed = with_claim(order, deal, Claim(message.rank, FREED))
    return with_order(with_gate(state, deal, gate), at, number, freed)
