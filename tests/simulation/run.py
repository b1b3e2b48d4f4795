"""One simulated sale from one seed: anything in any order, then it heals and is checked."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from kit.money import Money
from orders.decision import decide as the_real_one
from tests.simulation.provider import AnswerLost, Charge, Provider
from tests.simulation.settling import Decide, Process, Settlement
from tests.simulation.stores import ENDED, Broken, Job, Order, Stores

OPENS = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
TOTAL = Money(4_990, "USD")
WRONG = (Money(4_989, "USD"), Money(4_990, "EUR"))
PAY_WITHIN = timedelta(minutes=10)
MOST_ORDERS = 3
STEPS = 60
# A healed sale is settled after a few rounds; more is a loop.
MOST_ROUNDS = 60
IN_TRANSIT = ("PENDING_PAYMENT", "CANCELLING", "EXPIRING", "REFUND_PENDING")


class Simulation:
    """A deal of one or two units, up to three orders, and all that can happen to them."""

    def __init__(self, seed: int, *, decide: Decide = the_real_one) -> None:
        self._random = Random(seed)  # noqa: S311 - lots, not secrets
        self.now = OPENS
        self.stores = Stores(units=self._random.choice((1, 2)))
        self.provider = Provider(self._random)
        self.story: list[str] = []
        self._settlement = Settlement(
            stores=self.stores, provider=self.provider, decide=decide, now=lambda: self.now
        )
        self._running: list[tuple[Job | None, Process]] = []
        self._left_behind: object = None
        self._sleeping: list[tuple[Job | None, Process]] = []

    def run(self) -> None:
        """Raises Broken when a promise is."""
        happenings = self._choose_happenings()
        for _ in range(STEPS):
            self._random.choice(happenings)()
        self._heal()
        self._check()

    def _choose_happenings(self) -> list[Callable[[], None]]:
        """Each sale has a temper of its own: what is rare in one is the rule in another."""
        rare: list[Callable[[], None]] = [
            self._tell,
            self._cancel,
            self._refund,
            self._let_time_pass,
            self._poll,
            self._forget_key,
            self._crash,
            self._wake,
            self._pay_late,
        ]
        happenings = [one for one in rare for _ in range(self._random.choice((0, 1, 4)))]
        happenings += [self._place, self._pay] * self._random.choice((1, 3))
        happenings += [self._start] * self._random.choice((2, 6))
        happenings += [self._go_on] * self._random.choice((10, 30))
        self.provider.loses = self._random.choice((0.0, 0.08, 0.3))
        return happenings

    def _say(self, what: str) -> None:
        self.story.append(f"{(self.now - OPENS).total_seconds():>6.0f} s  {what}")

    def _some_order(self, *statuses: str) -> Order | None:
        orders = [o for o in self.stores.orders.values() if o.status in statuses]
        return self._random.choice(orders) if orders else None

    def _place(self) -> None:
        number = len(self.stores.orders) + 1
        if self.stores.gate.available < 1 or number > MOST_ORDERS:
            return
        order = Order(number, TOTAL, self.now + PAY_WITHIN, units=1)
        self.stores.place(order)
        opening = self._settlement.open_quietly(order)
        asleep = self._random.random() < 0.3
        (self._sleeping if asleep else self._running).append((None, opening))
        self._say(f"order {number} is placed")

    def _pay(self) -> None:
        payable = [charge for charge in self.provider.charges if charge.state == "OPEN"]
        if payable:
            charge = self._random.choice(payable)
            wrong = self._random.random() < 0.1
            amount = self._random.choice(WRONG) if wrong else charge.asked
            charge.cannot_refund = self._random.random() < 0.05
            self.provider.pay(charge, amount)
            self._say(f"{charge.id} of order {charge.order_id} takes {amount}")

    def _pay_late(self) -> None:
        """An intent that nobody here had heard of takes money after the order has ended."""
        order = self._some_order(*ENDED)
        if order is not None:
            charge = self.provider.surprise(order.id, order.total)
            self._say(f"{charge.id} of order {order.id} takes {order.total} late")

    def _tell(self) -> None:
        """The provider's event: late, twice, or never."""
        untold = [charge for charge in self.provider.charges if not charge.told]
        if untold:
            charge = self._random.choice(untold)
            charge.told = self._random.random() < 0.7
            if self._random.random() < 0.9:
                self._hear(charge)
                self._say(f"an event tells of {charge.id}")

    def _hear(self, charge: Charge) -> None:
        order = self.stores.orders[charge.order_id]
        unpaid = ("PENDING_PAYMENT", "CANCELLING", "EXPIRING")
        if charge.received not in (None, order.total) and order.status in unpaid:
            order.status, order.doubted = "UNDER_REVIEW", True
        self.stores.stage(Job("settle", order.id, charge.id))

    def _cancel(self) -> None:
        order = self._some_order("PENDING_PAYMENT")
        if order is not None:
            order.status = "CANCELLING"
            self.stores.stage(Job("settle", order.id))
            self._say(f"order {order.id} is to be cancelled")

    def _refund(self) -> None:
        order = self._some_order("PAID", "UNDER_REVIEW")
        if order is not None and self._random.random() < 0.4:
            order.status, order.restock = "REFUND_PENDING", self._random.random() < 0.5
            self.stores.stage(Job("settle", order.id))
            self._say(f"order {order.id} is to be refunded, restock {order.restock}")

    def _let_time_pass(self) -> None:
        self.now += timedelta(seconds=self._random.choice((1, 60, 400)))
        self._expire()

    def _expire(self) -> None:
        for order in self.stores.orders.values():
            if order.status == "PENDING_PAYMENT" and order.due_at <= self.now:
                order.status = "EXPIRING"
                self.stores.stage(Job("settle", order.id))
                self._say(f"order {order.id} is to expire")

    def _poll(self) -> None:
        order = self._some_order(*IN_TRANSIT)
        if order is not None:
            self.stores.stage(Job("settle", order.id))

    def _forget_key(self) -> None:
        if self.stores.orders:
            order_id = self._random.choice(list(self.stores.orders))
            self.provider.forget_key(order_id)
            self._say(f"the provider forgets the key of order {order_id}")

    def _start(self) -> None:
        """A worker takes any job; a lease may run out, so that a second one takes it too."""
        if self.stores.jobs:
            at = self._random.randrange(len(self.stores.jobs))
            job = self.stores.jobs[at]
            if self._random.random() < 0.9:
                del self.stores.jobs[at]
            self._running.append((job, self._settlement.run(job)))

    def _go_on(self) -> None:
        if self._running:
            self._advance(self._random.randrange(len(self._running)))

    def _advance(self, at: int) -> None:
        job, process = self._running[at]
        try:
            next(process)
        except StopIteration:
            del self._running[at]
        except AnswerLost:
            self._say(f"an answer of the provider is lost: {job}")
            self._abort(at)

    def _wake(self) -> None:
        """Requests that were on their way for so long that nobody counts on them any more."""
        self._running += self._sleeping
        self._sleeping.clear()

    def _crash(self) -> None:
        if self._running and self._random.random() < 0.5:
            at = self._random.randrange(len(self._running))
            self._say(f"a process dies: {self._running[at][0]}")
            self._abort(at)

    def _abort(self, at: int) -> None:
        """Whatever becomes of a process, its job is done again."""
        job, _ = self._running.pop(at)
        if job is not None:
            self.stores.stage(job)

    def _heal(self) -> None:
        """No more faults; time passes, and reconciliation walks through the provider's intents."""
        self._say("healed")
        self.provider.loses = 0.0
        self._wake()
        self.now += PAY_WITHIN
        for _ in range(MOST_ROUNDS):
            self._finish()
            if self._is_settled():
                return
            self._expire()
            self.now += timedelta(minutes=1)
            for charge in self.provider.charges:
                if charge.state != "CANCELLED" and not charge.refunded:
                    self._hear(charge)
            for order in self.stores.orders.values():
                if order.status in IN_TRANSIT:
                    self.stores.stage(Job("settle", order.id))
        raise Broken("the sale does not settle")

    def _finish(self) -> None:
        for _ in range(2_000):
            if self._running:
                self._advance(self._random.randrange(len(self._running)))
            elif self.stores.jobs:
                job = self.stores.jobs.pop(self._random.randrange(len(self.stores.jobs)))
                self._running.append((job, self._settlement.run(job)))
            else:
                return
        raise Broken("jobs beget jobs without end")

    def _is_settled(self) -> bool:
        """Whether another round would change nothing: two in a row leave the same behind."""
        now = [(o.status, o.rank, dict(o.intents)) for o in self.stores.orders.values()]
        charges = [(c.state, c.refunded) for c in self.provider.charges]
        same = self._left_behind == (now, charges)
        self._left_behind = (now, charges)
        return same

    def _check(self) -> None:
        stores = self.stores
        owned = sum(order.units for order in stores.orders.values() if order.owns)
        if owned != stores.claimed:
            raise Broken(f"{stores.claimed} units are claimed, and orders own {owned}")
        if not 0 <= stores.sold <= stores.claimed <= stores.allotment:
            raise Broken(f"sold {stores.sold}, claimed {stores.claimed} of {stores.allotment}")
        gate = stores.gate
        if (gate.allotment, gate.available) != (stores.allotment, stores.allotment - owned):
            raise Broken(f"the gate offers {gate.available} of {gate.allotment} units")
        for order in stores.orders.values():
            _check_money(order, self.provider.of(order.id))


def _check_money(order: Order, charges: list[Charge]) -> None:
    taken = [c for c in charges if c.state == "SUCCEEDED" and not c.refunded]
    ids = [charge.id for charge in taken]
    if order.confirmations > 1 or (order.status == "PAID") > order.confirmations:
        raise Broken(f"order {order.id} was confirmed {order.confirmations} times")
    if order.status in IN_TRANSIT:
        raise Broken(f"order {order.id} stays {order.status}")
    still_open = [charge.id for charge in charges if charge.state == "OPEN"]
    if order.status != "UNDER_REVIEW" and still_open:
        raise Broken(f"order {order.id} is {order.status}, and {still_open} can still move money")
    if order.status == "PAID":
        # What cannot be sent back at all is left to a person, with an alert.
        stuck = [c.id for c in taken if c.cannot_refund and c.id != order.paid_by]
        if [id_ for id_ in ids if id_ not in stuck] != [order.paid_by]:
            raise Broken(f"order {order.id} is PAID by {order.paid_by}, and {ids} took money")
        paid_with = next(charge.received for charge in taken if charge.id == order.paid_by)
        if paid_with != order.total:
            raise Broken(f"order {order.id} is PAID with {paid_with}")
        if not order.owns:
            raise Broken(f"order {order.id} is PAID and owns no units")
    if order.status in (*ENDED, "REFUNDED") and (ids or order.owns):
        raise Broken(f"order {order.id} is {order.status}: {ids} took money, owns {order.owns}")
    if order.status == "UNDER_REVIEW" and not order.doubted:
        raise Broken(f"order {order.id} is under review, and nothing about it is doubtful")
