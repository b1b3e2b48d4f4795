"""How a gate is rebuilt from Postgres (rules 5, 6 and 12), one store at a time."""

from collections.abc import Iterator

from tests.model.edits import is_open, with_buyer, with_deal, with_gate, with_rebuild
from tests.model.search import Step
from tests.model.state import (
    CLAIMED,
    FREED,
    IDLE,
    NO_CLAIM,
    NO_HOLD,
    SOLD,
    UNSEEN,
    Buyer,
    Claim,
    Gate,
    Rebuild,
    State,
    put,
)
from tests.model.world import World

TAKEN = "a rebuild takes a living hold or claim, and no fault has hit the gate"


def rebuilding(state: State, world: World) -> Iterator[Step[State]]:
    first = _read if not world.keeps("rule-5") else raise_epoch
    for deal, row in enumerate(state.deals):
        if is_open(state, deal, world) and row.gate.epoch >= row.epoch and not world.recounts:
            continue
        begun = (
            _begin_by_reading(state, deal) if first is _read else raise_epoch(state, world, deal)
        )
        if begun is not None:
            yield begun
    for slot, rebuild in enumerate(state.rebuilds):
        yield from _go_on(state, world, slot, rebuild)


def raise_epoch(state: State, world: World, deal: int) -> Step[State] | None:
    """Begin a rebuild: ask for the run id, then raise the epoch in Postgres."""
    slot = _free_slot(state)
    row = state.deals[deal]
    if slot is None or row.epoch >= world.epochs:
        return None
    raised = with_deal(state, deal, row._replace(epoch=row.epoch + 1))
    begun = Rebuild("RAISED", deal, state.run, row.epoch + 1, 0, 0, 0)
    return Step(f"a rebuild raises deal {deal}'s epoch", with_rebuild(raised, slot, begun))


def _free_slot(state: State) -> int | None:
    return next((s for s, r in enumerate(state.rebuilds) if r.stage == "IDLE"), None)


def _begin_by_reading(state: State, deal: int) -> Step[State] | None:
    slot = _free_slot(state)
    if slot is None:
        return None
    begun = with_rebuild(state, slot, IDLE._replace(deal=deal, run=state.run))
    read = _read(begun, slot)
    return Step(f"a rebuild of deal {deal} reads Postgres", read)


def _go_on(state: State, world: World, slot: int, rebuild: Rebuild) -> Iterator[Step[State]]:
    match rebuild.stage:
        case "IDLE":
            return
        case "RAISED":
            label = f"the rebuild of deal {rebuild.deal} reads Postgres"
            if state.deals[rebuild.deal].epoch == rebuild.epoch or not world.keeps("rule-5-own"):
                yield Step(label, _read(state, slot))
            else:
                yield Step(f"{label}: another one has raised it since", _end(state, slot))
        case "READ" if not world.keeps("rule-5") and not rebuild.epoch:
            row = state.deals[rebuild.deal]
            if row.epoch < world.epochs:
                raised = with_deal(state, rebuild.deal, row._replace(epoch=row.epoch + 1))
                later = rebuild._replace(epoch=row.epoch + 1)
                yield Step("the rebuild raises the epoch", with_rebuild(raised, slot, later))
        case _:
            yield _write(state, world, slot)
    if world.die and state.faults:
        dead = _end(state._replace(faults=state.faults - 1), slot)
        yield Step(f"the rebuild of deal {rebuild.deal} dies", dead)


def _read(state: State, slot: int) -> State:
    """One snapshot of Postgres: the deal, the ranks of its orders, its buyers' units."""
    rebuild = state.rebuilds[slot]
    row = state.deals[rebuild.deal]
    epoch = row.epoch if rebuild.stage == "RAISED" else 0
    read = Rebuild("READ", rebuild.deal, rebuild.run, epoch, row.allotment, row.sold, row.raised)
    buyers = tuple(
        buyer._replace(
            seen=put(
                buyer.seen,
                slot,
                (
                    buyer.units[rebuild.deal],
                    tuple((order.rank, order.owns) for order in buyer.orders),
                ),
            )
        )
        for buyer in state.buyers
    )
    return with_rebuild(state._replace(buyers=buyers), slot, read)


def _end(state: State, slot: int) -> State:
    buyers = tuple(buyer._replace(seen=put(buyer.seen, slot, UNSEEN)) for buyer in state.buyers)
    return with_rebuild(state._replace(buyers=buyers), slot, IDLE)


def _write(state: State, world: World, slot: int) -> Step[State]:
    """Open the gate: what Postgres says, less the claims and holds that survive and fit."""
    rebuild = state.rebuilds[slot]
    deal = rebuild.deal
    label = f"the rebuild writes deal {deal}'s gate"
    if state.deals[deal].gate.epoch >= rebuild.epoch:
        return Step(f"{label}: it is newer", _end(state, slot))
    free, taken = rebuild.allotment - rebuild.sold, False
    owed = 0
    for buyer in state.buyers:
        for order, (rank, owns) in zip(buyer.orders, buyer.seen[slot][1], strict=True):
            owed += order.quantities[deal] if owns and rank == 1 else 0
    free -= owed
    for at in range(len(state.buyers)):
        state, free, evicted = _take_claims(state, world, at, slot, free)
        taken |= evicted
    order_of_holds = sorted(
        range(len(state.buyers)), key=lambda at: -state.buyers[at].holds[deal].frozen
    )
    for at in order_of_holds:
        state, free, evicted = _keep_hold(state, world, at, slot, free)
        taken |= evicted
    gate = Gate(
        rebuild.epoch,
        rebuild.run,
        rebuild.allotment,
        max(free, 0) if not world.keeps("rule-6-evict") else free,
        rebuild.sold,
        rebuild.raised,
    )
    return Step(label, _end(with_gate(state, deal, gate), slot), TAKEN if taken else "")


def _take_claims(
    state: State, world: World, at: int, slot: int, free: int
) -> tuple[State, int, bool]:
    """The claims of one buyer's orders as Postgres ranks them, and those it does not know yet."""
    deal = state.rebuilds[slot].deal
    buyer = state.buyers[at]
    units, ranks = buyer.seen[slot]
    bought, evicted, orders = units, False, []
    for order, (rank, owns) in zip(buyer.orders, ranks, strict=True):
        claim = NO_CLAIM
        if owns and rank == 1:
            claim = Claim(1, CLAIMED)
        elif rank:
            claim = Claim(rank, SOLD if rank in (2, 4) else FREED)
        was = order.claims[deal]
        survives = was.place == CLAIMED and (rank == 0 or not world.keeps("rule-6-ended"))
        if survives and world.keeps("rule-6"):
            quantity = order.quantities[deal]
            if quantity <= free or not world.keeps("rule-6-evict"):
                claim = Claim(was.rank, CLAIMED)
                free -= quantity
                bought += quantity
            else:
                evicted |= not buyer.harmed
        elif was == Claim(0, CLAIMED) and rank == 0:
            evicted |= not buyer.harmed
        orders.append(order._replace(claims=put(order.claims, deal, claim)))
    buyer = buyer._replace(orders=tuple(orders), bought=put(buyer.bought, deal, bought))
    return with_buyer(state, at, buyer), free, evicted


def _keep_hold(
    state: State, world: World, at: int, slot: int, free: int
) -> tuple[State, int, bool]:
    buyer = state.buyers[at]
    deal = state.rebuilds[slot].deal
    hold = buyer.holds[deal]
    if not hold.units:
        return state, free, False
    ordered = _is_ordered(buyer, slot, hold.checkout) and world.keeps("rule-6-ended")
    fits = hold.units <= free or not world.keeps("rule-6-evict")
    if fits and not ordered and world.keeps("rule-6"):
        return state, free - hold.units, False
    gone = buyer._replace(holds=put(buyer.holds, deal, NO_HOLD))
    return with_buyer(state, at, gone), free, not ordered and not buyer.harmed


def _is_ordered(buyer: Buyer, slot: int, checkout: int) -> bool:
    """Whether a hold's checkout has become an order that Postgres knows."""
    return bool(checkout) and bool(buyer.seen[slot][1][checkout - 1][0])
