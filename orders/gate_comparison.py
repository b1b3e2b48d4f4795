"""Compares a deal's gate with Postgres and with itself: pure, so that every case can be tried."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from inventory.stock import GateClaim, GateContents, GateDump
from orders.deal_books import BookedOrder, DealBooks, Terms
from orders.drafts import SOLD, SOLD_AGAIN
from orders.drift import Drift, DriftClass, Mend


@dataclass(frozen=True, slots=True)
class Comparison:
    """A gate beside the books that were read just before it.

    `patience_ms`: a claim that young may have its order on the way.
    """

    books: DealBooks
    gate: GateDump
    patience_ms: int

    def drifts(self) -> list[Drift]:
        """All differences, one per order and one per class for what concerns no order."""
        books, gate = self.books, self.gate
        if gate.counters.epoch != books.epoch:
            note = f"the gate is of epoch {gate.counters.epoch}, the deal of {books.epoch}"
            return [self._drift(DriftClass.COUNTER_DRIFT, note)]
        found = list(self._offered())
        if gate.contents is not None and books.orders is not None:
            found += self._orders(gate.contents, books.orders)
            found += self._strangers(gate.contents, books.orders)
        else:
            found += self._totals()
        wrong, units = self._wrong_counters()
        if wrong:
            found.append(self._drift(DriftClass.COUNTER_DRIFT, "; ".join(wrong), units=units))
        return found

    def _offered(self) -> Iterator[Drift]:
        """More units at the gate than Postgres has given the deal."""
        more = self.gate.counters.allotment - self.books.allotment
        if more > 0 and not self.books.waiting.allotment:
            note = f"the gate's allotment is {more} more than the deal's"
            yield self._drift(DriftClass.PHANTOM_STOCK, note, units=more)

    def _orders(self, gate: GateContents, orders: Mapping[str, BookedOrder]) -> Iterator[Drift]:
        """What the gate makes of each order that Postgres knows, but for those it has news of."""
        for order_id, order in orders.items():
            if order_id in self.books.waiting.orders:
                continue
            claim = gate.claims.get(order_id)
            place = claim.place if claim else "FREED"
            owned = _place_of(order)
            if owned == place and _fits(order, claim):
                continue
            if owned == place or "FREED" not in (owned, place):
                kind = DriftClass.COUNTER_DRIFT
            elif place == "FREED":
                kind = DriftClass.LOST_HOLD
            else:
                kind = DriftClass.PHANTOM_STOCK
            note = f"{place} at the gate, {owned} in Postgres"
            yield self._of_order(kind, order_id, order.user_id, order.units, note)

    def _strangers(self, gate: GateContents, orders: Mapping[str, BookedOrder]) -> Iterator[Drift]:
        """Claims and sales at the gate whose order Postgres never had, or has lost."""
        oldest_ms = self.gate.counters.as_of_ms - self.patience_ms
        for order_id, claim in gate.claims.items():
            if claim.place == "FREED" or order_id in orders:
                continue
            claimed_ms = gate.unconfirmed.get(order_id)
            if claimed_ms is not None and claimed_ms > oldest_ms:
                continue
            note = f"{claim.place} at the gate, unknown in Postgres"
            # A claim that Postgres once confirmed is counted as a new one first: its order may
            # have been lost with a restored backup, and its money may still be found.
            mend: Mend = "RECOUNT" if claimed_ms is None else "ABANDON"
            yield self._of_order(
                DriftClass.PHANTOM_STOCK, order_id, claim.buyer_id, claim.units, note, mend=mend
            )

    def _totals(self) -> Iterator[Drift]:
        """Where there is too much to compare one by one; only while no message waits."""
        books, counters = self.books, self.gate.counters
        if books.waiting.orders:
            return
        if counters.committed != books.sold:
            note = f"{counters.committed} sold at the gate, {books.sold} in Postgres"
            units = abs(counters.committed - books.sold)
            yield self._drift(DriftClass.COUNTER_DRIFT, note, units=units)
        lost = books.claimed - books.sold - counters.held
        if lost > 0:
            note = f"{lost} units of orders that the gate does not hold"
            yield self._drift(DriftClass.LOST_HOLD, note, units=lost)

    def _wrong_counters(self) -> tuple[list[str], int]:
        """What is wrong with the counters and terms, and by how many units at most."""
        counters, books = self.gate.counters, self.books
        pairs: list[tuple[str, int, int]] = [
            (
                "allotment against its parts",
                counters.allotment,
                counters.available + counters.held + counters.committed,
            )
        ]
        if counters.allotment < books.allotment and not books.waiting.allotment:
            pairs.append(("allotment against the deal's", counters.allotment, books.allotment))
        if self.gate.contents is not None and books.orders is not None:
            pairs += _sums(self.gate, self.gate.contents, books.orders)
        wrong = [f"{name}: {one} is not {other}" for name, one, other in pairs if one != other]
        if counters.available < 0:
            wrong.append(f"available is {counters.available}")
        if not books.waiting.terms and _terms(self.gate) != books.terms:
            wrong.append("window, limit or pause differ from the deal's")
        return wrong, max((abs(one - other) for _, one, other in pairs), default=0)

    def _drift(self, kind: DriftClass, note: str, *, units: int = 0) -> Drift:
        return Drift(kind, "RECOUNT", note, deal_id=self.books.deal_id, units=units)

    def _of_order(
        self,
        kind: DriftClass,
        order_id: str,
        user_id: str,
        units: int,
        note: str,
        *,
        mend: Mend = "RECOUNT",
    ) -> Drift:
        return Drift(
            kind,
            mend,
            note,
            deal_id=self.books.deal_id,
            user_id=user_id,
            order_id=order_id,
            units=units,
        )


def _place_of(order: BookedOrder) -> str:
    """Where the gate should count an order's units."""
    if not order.owns_units:
        return "FREED"
    return "SOLD" if order.rank in (SOLD, SOLD_AGAIN) else "CLAIMED"


def _fits(order: BookedOrder, claim: GateClaim | None) -> bool:
    """Whether units and buyer are the order's; one that came with a rebuild names neither."""
    return (
        claim is None
        or claim.units == 0
        or (claim.units, claim.buyer_id) == (order.units, order.user_id)
    )


def _terms(gate: GateDump) -> Terms:
    return Terms(gate.revision, gate.opens_ms, gate.closes_ms, gate.limit, gate.paused)


def _sums(
    gate: GateDump, contents: GateContents, orders: Mapping[str, BookedOrder]
) -> list[tuple[str, int, int]]:
    """The gate's counters beside its own holds and claims. All are of one version.

    A sale that came with a rebuild has no units here, so its order tells them.
    """
    held = sum(hold.units for hold in contents.holds.values())
    committed = 0
    bought: defaultdict[str, int] = defaultdict(int)
    for order_id, claim in contents.claims.items():
        if claim.place == "FREED":
            continue
        order = orders.get(order_id)
        if claim.units == 0 and order is None:
            return []  # a stranger of unknown size: what is found of it is enough
        units, buyer_id = claim.units, claim.buyer_id
        if order is not None and claim.units == 0:
            units, buyer_id = order.units, order.user_id
        held += units if claim.place == "CLAIMED" else 0
        committed += units if claim.place == "SOLD" else 0
        bought[buyer_id] += units
    counted = sum(
        abs(bought[buyer_id] - contents.bought.get(buyer_id, 0))
        for buyer_id in {*bought, *contents.bought}
    )
    forgotten = sum(
        contents.due.get(buyer_id) != hold.deadline_ms for buyer_id, hold in contents.holds.items()
    )
    return [
        ("held against holds and claims", gate.counters.held, held),
        ("committed against sales", gate.counters.committed, committed),
        ("units that buyers have too many or too few", counted, 0),
        ("holds whose deadline is not kept", forgotten, 0),
    ]
