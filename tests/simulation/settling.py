"""Settlement, its jobs and the provider's calls, as generators that may stop at every `yield`."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import datetime

from orders.decision import Capture, Decision, Effect, OrderFacts, PaymentFacts
from tests.simulation.provider import Charge, Provider
from tests.simulation.stores import Broken, Job, Order, Stores

Decide = Callable[[OrderFacts, PaymentFacts, datetime], Decision]
Process = Iterator[None]

MOST_STEPS = 5
_FREES = (Effect.FREE_UNITS, Effect.WRITE_OFF_UNITS)


class Settlement:
    """What `orders.settlement` does, over stores in memory and any `decide`."""

    def __init__(
        self, *, stores: Stores, provider: Provider, decide: Decide, now: Callable[[], datetime]
    ) -> None:
        self._stores = stores
        self._provider = provider
        self._decide = decide
        self._now = now

    def run(self, job: Job) -> Process:
        order = self._stores.orders[job.order_id]
        match job.kind:
            case "settle":
                yield from self._settle(order, job.intent_id)
            case "refund":
                yield from self._refund(order, job.intent_id)
            case "gate":
                yield
                self._stores.gate.hear(order, job)

    def open_quietly(self, order: Order) -> Process:
        """The API's own attempt, right after the order was placed."""
        yield
        _remember(order, [self._provider.open(order.id, order.total)])

    def _settle(self, order: Order, event_of: str) -> Process:
        listed: list[Charge] | None = None
        for _ in range(MOST_STEPS):
            facts = OrderFacts(
                order.status, order.total, order.due_at, order.paid_by, order.restock
            )
            yield
            payment = self._ask(order, event_of)
            yield
            decision = self._decide(facts, replace(payment, listed=listed is not None), self._now())
            if Effect.RECLAIM_UNITS in decision.effects:
                yield from self._apply_late(order, facts, payment)
                moved = True
            else:
                moved = self._apply(order, facts, decision, listed)
            yield
            if Effect.OPEN_INTENT in decision.effects:
                _remember(order, [self._provider.open(order.id, order.total)])
            if Effect.CANCEL_INTENTS in decision.effects:
                listed = yield from self._cancel_all(order)
                moved = moved or decision.status != "PAID"
            if not moved:
                return

    def _ask(self, order: Order, event_of: str) -> PaymentFacts:
        """The real state of every intent that is known, and of the one that an event named."""
        asked = {*order.intents, event_of} - {""}
        charges = [self._provider.retrieve(c.id) for c in self._provider.charges if c.id in asked]
        _remember(order, charges)
        live = [charge for charge in charges if not order.intents[charge.id]]
        return PaymentFacts(
            known=len(charges),
            open=sum(charge.state == "OPEN" for charge in live),
            captures=tuple(
                Capture(charge.id, charge.received)
                for charge in live
                if charge.state == "SUCCEEDED" and charge.received is not None
            ),
        )

    def _apply_late(self, order: Order, facts: OrderFacts, payment: PaymentFacts) -> Process:
        if self._stores.gate.reclaim(order):
            yield
            taken = self._decide(replace(facts, units="TAKEN"), payment, self._now())
            if self._apply(order, facts, taken, None):
                return
        yield
        refused = self._decide(replace(facts, units="REFUSED"), payment, self._now())
        self._apply(order, facts, refused, None)

    def _apply(
        self, order: Order, facts: OrderFacts, decision: Decision, listed: list[Charge] | None
    ) -> bool:
        """Write a decision; False when nothing moved, or Postgres refused the units."""
        if decision.status != facts.status:
            frees = order.owns and any(effect in _FREES for effect in decision.effects)
            outcome = self._stores.move(order, facts.status, decision)
            if outcome != "MOVED":
                return outcome == "TOO_LATE"
            if frees:
                self._check_freed(order, listed)
        refunds = [Job("refund", order.id, capture.intent_id) for capture in decision.refund]
        self._stores.stage(*refunds)
        return decision.status != facts.status

    def _check_freed(self, order: Order, listed: list[Charge] | None) -> None:
        """Freed only behind a list of which nothing can move money any more (rules 7 and 8)."""
        looked_at = listed if listed is not None else self._provider.of(order.id)
        still_open = [charge.id for charge in looked_at if charge.state == "OPEN"]
        if still_open:
            raise Broken(f"order {order.id} is freed while {still_open} can still move money")

    def _cancel_all(self, order: Order) -> Generator[None, None, list[Charge]]:
        if not order.intents:
            _remember(order, [self._provider.open(order.id, order.total)])
            yield
        listed = self._provider.list_of(order.id)
        yield
        _remember(order, listed)
        for charge in listed:
            if charge.state == "OPEN" and charge.id != order.paid_by:
                yield
                self._provider.cancel(charge.id)
        return listed

    def _refund(self, order: Order, intent_id: str) -> Process:
        yield
        if self._provider.refund(intent_id):
            yield
            order.intents[intent_id] = True
            yield from self._settle(order, "")
        elif order.status == "REFUND_PENDING":
            order.status, order.doubted = "UNDER_REVIEW", True


def _remember(order: Order, charges: list[Charge]) -> None:
    for charge in charges:
        order.intents.setdefault(charge.id, False)
