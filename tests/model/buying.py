"""What buyers do: hold, check out, claim at the gates, and order in Postgres."""

from collections.abc import Iterator

from tests.model.edits import (
    claim_in_postgres,
    count_bought,
    is_open,
    messages_to_gates,
    stage,
    with_buyer,
    with_claim,
    with_deal,
    with_gate,
    with_hold,
    with_order,
)
from tests.model.search import Step
from tests.model.state import CLAIMED, FREED, NO_CLAIM, NO_HOLD, NOWHERE, Claim, Hold, Order, State
from tests.model.world import World

TOO_LATE = "a buyer with a living hold is told that all is sold, and no fault has hit the gate"


def buying(state: State, world: World) -> Iterator[Step[State]]:
    for at in range(len(state.buyers)):
        yield from _holding(state, world, at)
        yield from _checkout(state, at)
        for number, order in enumerate(state.buyers[at].orders):
            if order.phase == "CHECKOUT":
                yield from _claim(state, world, at, number)
                yield from _transaction(state, world, at, number)
                if world.gate_down and state.faults:
                    yield from _pass_by(state, world, at, number)
            if order.phase == "DEAD":
                again = order._replace(phase="CHECKOUT")
                yield Step(f"buyer {at} repeats placeOrder", with_order(state, at, number, again))
            if order.phase == "ORDERED" and not world.keeps("rule-1"):
                yield from _claim_afterwards(state, world, at, number)
            yield from _abandon(state, world, at, number)


def _holding(state: State, world: World, at: int) -> Iterator[Step[State]]:
    """set_hold, and what the clock does to holds."""
    buyer = state.buyers[at]
    shops = any(order.phase == "CART" for order in buyer.orders)
    for deal, hold in enumerate(buyer.holds):
        if hold.units:
            gone = with_hold(buyer, deal, NO_HOLD)._replace(echo=0)
            freed = with_buyer(_give_back(state, deal, hold.units), at, gone)
            yield Step(f"buyer {at}'s hold on deal {deal} lapses", freed)
        if not is_open(state, deal, world) or not (shops or world.changes):
            continue
        gate = state.deals[deal].gate
        for units in range(1, world.each + 1):
            growth = units - hold.units
            if growth == 0 or (hold.units and not world.changes) or (growth > 0 and not shops):
                continue
            if growth > gate.available or hold.units + buyer.bought[deal] + growth > world.limit:
                continue
            changed = with_hold(buyer, deal, Hold(units, hold.frozen, 0))
            if not hold.units:
                changed = changed._replace(harmed=_served_by_passed_gate(state, world, deal))
            after = with_buyer(_give_back(state, deal, -growth), at, changed)
            yield Step(f"buyer {at} holds {units} of deal {deal}", after)
            if world.echoes and state.faults and not hold.units and deal == 0:
                twice = with_buyer(after, at, changed._replace(echo=1))
                yield Step(
                    f"buyer {at} holds {units} of deal {deal} with a request that is sent twice",
                    twice._replace(faults=state.faults - 1),
                )
    if buyer.echo and is_open(state, 0, world):
        yield Step(f"buyer {at}'s request arrives again", _echo(state, world, at))


def _echo(state: State, world: World, at: int) -> State:
    """A hold remembers its operations until its deadline, also with 0 units after a claim."""
    buyer = state.buyers[at]._replace(echo=0)
    if world.keeps("operation-id") or not state.deals[0].gate.available:
        return with_buyer(state, at, buyer)
    hold = buyer.holds[0]
    more = with_hold(buyer, 0, Hold(hold.units + 1, hold.frozen, 0))
    return with_buyer(_give_back(state, 0, -1), at, more)


def _served_by_passed_gate(state: State, world: World, deal: int) -> int:
    """An order may have passed this gate by: what it offers is gone already."""
    return int(world.gate_down and state.deals[deal].gate.epoch < state.deals[deal].epoch)


def _give_back(state: State, deal: int, units: int) -> State:
    gate = state.deals[deal].gate
    return with_gate(state, deal, gate._replace(available=gate.available + units))


def _checkout(state: State, at: int) -> Iterator[Step[State]]:
    """freeze_hold for every line; the checkout fixes how many units the order will have."""
    buyer = state.buyers[at]
    number = next((n for n, order in enumerate(buyer.orders) if order.phase == "CART"), None)
    if number is None or not all(hold.units for hold in buyer.holds):
        return
    order = buyer.orders[number]._replace(
        phase="CHECKOUT", quantities=tuple(hold.units for hold in buyer.holds)
    )
    frozen = tuple(Hold(hold.units, 1, number + 1) for hold in buyer.holds)
    after = with_order(with_buyer(state, at, buyer._replace(holds=frozen)), at, number, order)
    yield Step(f"buyer {at} checks out", after)


def _claim(state: State, world: World, at: int, number: int) -> Iterator[Step[State]]:
    """claim_hold, a deal at a time (rule 1)."""
    buyer = state.buyers[at]
    order = buyer.orders[number]
    deal = next((d for d, epoch in enumerate(order.epochs) if not epoch), None)
    if deal is None or not world.keeps("rule-1") or not is_open(state, deal, world):
        return
    confirmed = order._replace(epochs=_put_epoch(state, order, deal))
    claim = order.claims[deal]
    label = f"buyer {at} claims deal {deal}"
    if claim == NO_CLAIM:
        hold = buyer.holds[deal]
        if hold != Hold(order.quantities[deal], 1, number + 1):
            refused = order._replace(phase="REFUSED", epochs=(0,) * len(order.epochs))
            yield Step(f"{label}: the hold has lapsed", with_order(state, at, number, refused))
            return
        buyer = count_bought(with_hold(buyer, deal, NO_HOLD), deal, hold.units)
        state = with_buyer(state, at, buyer)
        confirmed = with_claim(confirmed, deal, Claim(0, CLAIMED))
    elif claim.rank in (3, 5) or claim.place == FREED:
        refused = order._replace(phase="REFUSED", epochs=(0,) * len(order.epochs))
        yield Step(f"{label}: freed for good", with_order(state, at, number, refused))
        return
    yield Step(label, with_order(state, at, number, confirmed))


def _put_epoch(state: State, order: Order, deal: int) -> tuple[int, ...]:
    epoch = state.deals[deal].gate.epoch
    return tuple(epoch if d == deal else known for d, known in enumerate(order.epochs))


def _transaction(state: State, world: World, at: int, number: int) -> Iterator[Step[State]]:
    """The order's transaction: its claims' epochs, the limit and the unclaimed units suffice."""
    order = state.buyers[at].orders[number]
    if not all(order.epochs) and world.keeps("rule-1"):
        return
    label = f"buyer {at}'s transaction"
    nothing = (0,) * len(order.epochs)
    if order.status:
        phase = "REFUSED" if order.status == "ABANDONED" else "ORDERED"
        found = order._replace(phase=phase, epochs=nothing)
        yield Step(f"{label} finds {order.status}", with_order(state, at, number, found))
        return
    fenced = world.keeps("rule-3") and world.keeps("rule-1")
    if fenced and any(
        epoch != deal.epoch for epoch, deal in zip(order.epochs, state.deals, strict=True)
    ):
        again = order._replace(epochs=nothing)
        yield Step(f"{label}: the gate has moved", with_order(state, at, number, again))
        return
    why_not = refusal(state, world, at, order.quantities)
    if why_not:
        refused = with_order(state, at, number, order._replace(phase="REFUSED", epochs=nothing))
        told = TOO_LATE if why_not == "sold out" and not state.buyers[at].harmed else ""
        yield Step(f"{label}: {why_not}", refused, told)
        return
    yield Step(f"{label} commits", _placed(state, at, number))


def refusal(state: State, world: World, at: int, quantities: tuple[int, ...]) -> str:
    """Why Postgres cannot give a buyer these units; empty when it can."""
    for deal, units in enumerate(quantities):
        row = state.deals[deal]
        if world.keeps("limit") and state.buyers[at].units[deal] + units > world.limit:
            return "over the limit"
        if units > row.allotment - row.claimed:
            return "sold out"
    return ""


def _placed(state: State, at: int, number: int) -> State:
    state = claim_in_postgres(state, at, state.buyers[at].orders[number].quantities, 1)
    order = state.buyers[at].orders[number]
    order = order._replace(
        phase="ORDERED", epochs=(0,) * len(order.epochs), status="PENDING_PAYMENT", rank=1, owns=1
    )
    return with_order(state, at, number, stage(order, *messages_to_gates(state, order, 1)))


def _pass_by(state: State, world: World, at: int, number: int) -> Iterator[Step[State]]:
    """The gate is out of reach: Postgres decides alone, and no gate of this epoch stays valid."""
    order = state.buyers[at].orders[number]
    if order.status or any(deal.epoch >= world.epochs for deal in state.deals):
        return
    if refusal(state, world, at, order.quantities):
        return
    for deal, row in enumerate(state.deals):
        state = with_deal(state, deal, row._replace(epoch=row.epoch + 1))
    buyers = tuple(buyer._replace(harmed=1) for buyer in state.buyers)
    passed = _placed(state._replace(buyers=buyers, faults=state.faults - 1), at, number)
    yield Step(f"buyer {at}'s order passes the gate by", passed)


def _claim_afterwards(state: State, world: World, at: int, number: int) -> Iterator[Step[State]]:
    """The obvious protocol: order first, then tell the gate, as best it can."""
    buyer = state.buyers[at]
    order = buyer.orders[number]
    for deal, claim in enumerate(order.claims):
        hold = buyer.holds[deal]
        mine = hold == Hold(order.quantities[deal], 1, number + 1)
        if claim == NO_CLAIM and mine and is_open(state, deal, world):
            claimed = count_bought(with_hold(buyer, deal, NO_HOLD), deal, hold.units)
            after = with_order(
                with_buyer(state, at, claimed),
                at,
                number,
                with_claim(order, deal, Claim(0, CLAIMED)),
            )
            yield Step(f"buyer {at} claims deal {deal} afterwards", after)


def _abandon(state: State, world: World, at: int, number: int) -> Iterator[Step[State]]:
    """The sweeper gives up a claim that Postgres has not confirmed, a deal at a time (rule 2)."""
    order = state.buyers[at].orders[number]
    if order.status not in ("", "ABANDONED") or not world.keeps("rule-2-at-all"):
        return
    for deal, claim in enumerate(order.claims):
        if claim != Claim(0, CLAIMED) or not is_open(state, deal, world):
            continue
        label = f"buyer {at}'s claim on deal {deal} is given up"
        if not world.keeps("rule-2"):
            units = order.quantities[deal]
            buyer = count_bought(state.buyers[at], deal, -units)
            after = with_buyer(_give_back(state, deal, units), at, buyer)
            gone = with_claim(order, deal, Claim(0, NOWHERE))
            yield Step(label, with_order(after, at, number, gone))
            continue
        row = order._replace(status="ABANDONED", rank=3)
        message = messages_to_gates(state, order, 3)[deal]
        after = with_order(state, at, number, stage(row, message))
        if after != state:
            yield Step(label, after)
