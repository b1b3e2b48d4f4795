"""States with one thing changed; each line of these is a write to one store."""

from tests.model.state import Buyer, Claim, Deal, Gate, Hold, Message, Order, Rebuild, State, put
from tests.model.world import World


def with_deal(state: State, at: int, deal: Deal) -> State:
    return state._replace(deals=put(state.deals, at, deal))


def with_gate(state: State, at: int, gate: Gate) -> State:
    return with_deal(state, at, state.deals[at]._replace(gate=gate))


def with_buyer(state: State, at: int, buyer: Buyer) -> State:
    return state._replace(buyers=put(state.buyers, at, buyer))


def with_order(state: State, at: int, number: int, order: Order) -> State:
    buyer = state.buyers[at]
    return with_buyer(state, at, buyer._replace(orders=put(buyer.orders, number, order)))


def with_hold(buyer: Buyer, deal: int, hold: Hold) -> Buyer:
    return buyer._replace(holds=put(buyer.holds, deal, hold))


def with_claim(order: Order, deal: int, claim: Claim) -> Order:
    return order._replace(claims=put(order.claims, deal, claim))


def with_rebuild(state: State, slot: int, rebuild: Rebuild) -> State:
    return state._replace(rebuilds=put(state.rebuilds, slot, rebuild))


def count_bought(buyer: Buyer, deal: int, units: int) -> Buyer:
    """Count units against the purchase limit at the gate."""
    return buyer._replace(bought=put(buyer.bought, deal, buyer.bought[deal] + units))


def stage(order: Order, *messages: Message) -> Order:
    """Jobs of the transaction that is being written; their order is of no importance."""
    return order._replace(messages=tuple(sorted({*order.messages, *messages})))


def messages_to_gates(state: State, order: Order, rank: int, restock: int = 1) -> list[Message]:
    """One for each line, with the epoch of the locked deal row (rule 4)."""
    return [
        Message(at, deal.epoch, rank, restock)
        for at, deal in enumerate(state.deals)
        if order.quantities[at]
    ]


def is_open(state: State, at: int, world: World) -> bool:
    """Whether scripts find a gate: one that this life of the server has written (rule 12)."""
    gate = state.deals[at].gate
    return gate.epoch > 0 and (gate.run == state.run or not world.keeps("rule-12"))


def claim_in_postgres(state: State, at: int, quantities: tuple[int, ...], sign: int) -> State:
    """Move an order's units into the deals' and the buyer's claimed units, or out of them."""
    deals = tuple(
        deal._replace(claimed=deal.claimed + sign * units)
        for deal, units in zip(state.deals, quantities, strict=True)
    )
    buyer = state.buyers[at]
    owned = tuple(a + sign * b for a, b in zip(buyer.units, quantities, strict=True))
    return with_buyer(state._replace(deals=deals), at, buyer._replace(units=owned))


def sell_in_postgres(state: State, quantities: tuple[int, ...], sign: int) -> State:
    deals = tuple(
        deal._replace(sold=deal.sold + sign * units)
        for deal, units in zip(state.deals, quantities, strict=True)
    )
    return state._replace(deals=deals)
