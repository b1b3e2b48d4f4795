"""What the model of the stock remembers: Postgres, the gates, the buyers, and what is under way."""

from typing import NamedTuple, TypeVar

T = TypeVar("T")

# Where a gate counts the units of an order: nowhere, within held, as sold, or nowhere any more.
NOWHERE, CLAIMED, SOLD, FREED = range(4)


class Gate(NamedTuple):
    """The counters of one deal in Redis; held is what remains. Epoch 0: there is no gate."""

    epoch: int
    run: int  # the life of the server that wrote it (rule 12)
    allotment: int
    available: int
    sold: int
    raised: int  # whether the operator's additional units are counted


NO_GATE = Gate(0, 0, 0, 0, 0, 0)


class Deal(NamedTuple):
    """A deal's row in Postgres; then its gate, and a copy of the gate that may come back."""

    epoch: int
    allotment: int
    claimed: int
    sold: int
    raised: int
    gate: Gate
    saved: Gate


class Hold(NamedTuple):
    units: int
    frozen: int
    checkout: int  # the order it will become; 0: of none


NO_HOLD = Hold(0, 0, 0)


class Claim(NamedTuple):
    """What the gate knows of an order."""

    rank: int
    place: int


NO_CLAIM = Claim(0, NOWHERE)


class Message(NamedTuple):
    """A job from Postgres to a gate: "as of this epoch the order has this rank"."""

    deal: int
    epoch: int
    rank: int
    restock: int


class Late(NamedTuple):
    """A process that claims again for late money: the epochs that confirmed it, or refused."""

    epochs: tuple[int, ...]
    refused: int


class Order(NamedTuple):
    """A checkout and the order that it becomes.

    `phase` is that of the process which places it; `epochs` are those under which the gates
    confirmed its claims. `status` to `paid` are its row in Postgres, '' where there is none.
    """

    phase: str  # CART | CHECKOUT | ORDERED | REFUSED | DEAD
    quantities: tuple[int, ...]
    epochs: tuple[int, ...]
    status: str
    rank: int
    owns: int
    money: str  # '' | CAPTURED | REFUNDED
    restock: int  # whether a refund puts its units back on sale
    claims: tuple[Claim, ...]
    messages: tuple[Message, ...]
    late: tuple[Late, ...]


class Buyer(NamedTuple):
    """All that concerns one buyer, in every store, so that buyers can trade places."""

    holds: tuple[Hold, ...]
    bought: tuple[int, ...]  # as the gates count it
    units: tuple[int, ...]  # as Postgres counts it
    harmed: int  # a fault of the gate has hit what this buyer held
    echo: int  # a copy of the request that made the hold on the first deal is still under way
    orders: tuple[Order, ...]
    saved: tuple[tuple[Hold, int, tuple[Claim, ...]], ...]  # the gates' copies of all that
    seen: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]  # what each rebuild has read


class Rebuild(NamedTuple):
    """One rebuild under way; `stage` is IDLE, RAISED or READ, after what it did last."""

    stage: str
    deal: int
    run: int
    epoch: int
    allotment: int
    sold: int
    raised: int


IDLE = Rebuild("IDLE", 0, 0, 0, 0, 0, 0)
UNSEEN: tuple[int, tuple[tuple[int, int], ...]] = (0, ())


class Desk(NamedTuple):
    """The operator: units to give and to take, and what is under way of it."""

    gives: int
    takes: int
    giving: int  # the epoch that the job "units were added" names; 0: none
    taking: int  # the epoch under which the gate gave a unit up; negative: it is to get it back


class State(NamedTuple):
    deals: tuple[Deal, ...]
    buyers: tuple[Buyer, ...]
    rebuilds: tuple[Rebuild, ...]
    desk: Desk
    run: int
    faults: int  # that may still strike


def first_state(
    *, buyers: int, deals: int, units: int, orders: int, rebuilds: int, faults: int, desk: Desk
) -> State:
    """A drop that is about to open: every gate is open and full."""
    gate = Gate(1, 1, units, units, 0, 0)
    none = (0,) * deals
    order = Order("CART", none, none, "", 0, 0, "", 1, (NO_CLAIM,) * deals, (), ())
    buyer = Buyer(
        holds=(NO_HOLD,) * deals,
        bought=none,
        units=none,
        harmed=0,
        echo=0,
        orders=(order,) * orders,
        saved=((NO_HOLD, 0, (NO_CLAIM,) * orders),) * deals,
        seen=(UNSEEN,) * rebuilds,
    )
    return State(
        deals=(Deal(1, units, 0, 0, 0, gate, NO_GATE),) * deals,
        buyers=(buyer,) * buyers,
        rebuilds=(IDLE,) * rebuilds,
        desk=desk,
        run=1,
        faults=faults,
    )


def put(items: tuple[T, ...], at: int, item: T) -> tuple[T, ...]:
    """The tuple with one item exchanged."""
    return (*items[:at], item, *items[at + 1 :])


def canonical(state: State) -> State:
    """One of the states that differ only in who is who."""
    buyers = tuple(sorted(state.buyers))
    return state if buyers == state.buyers else state._replace(buyers=buyers)
