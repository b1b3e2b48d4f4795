"""A machine makes up any sequence of operations, and compares the real scripts with the model."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Literal, TypeVar, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from inventory.errors import GateRefusal
from inventory.stock import Counters, HoldAnswer, Stock
from kit.ids import new_id
from kit.redis_client import open_redis
from tests.conftest import Stores
from tests.inventory.gates import CLOSES_MS, OPENED_MS, Deal, due, holds_in, recount, snapshot
from tests.inventory.model import ModelGate

T = TypeVar("T")

NAMES = ("usr_a", "usr_b", "usr_c")
BUYERS = st.sampled_from(NAMES)
UNITS = st.integers(1, 3)
LIMIT = 4


class StockMachine(RuleBasedStateMachine):
    """Opened once a session; each run of the machine has a deal of its own."""

    runner: asyncio.Runner
    stock: Stock
    run_id: str

    def __init__(self) -> None:
        super().__init__()
        self.deal_id = new_id("deal")
        self.operations = 0
        self.orders = 0
        self.revision = 1
        self.version = 1
        self.last: tuple[Callable[[], Awaitable[HoldAnswer]], HoldAnswer] | None = None

    def run(self, attempt: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await attempt

        return self.runner.run(awaited())

    def outcome(self, attempt: Awaitable[T]) -> T | str:
        """What it answers, or the name of the refusal."""
        try:
            return self.run(attempt)
        except GateRefusal as refusal:
            return type(refusal).__name__

    @property
    def deal(self) -> Deal:
        return Deal(self.stock, self.stock._redis, self.deal_id)  # noqa: SLF001 - the same client

    @initialize(allotment=st.integers(0, 6))
    def open_deal(self, allotment: int) -> None:
        self.gate = ModelGate(epoch=1, allotment=allotment, limit=LIMIT)
        self.run(
            self.stock.rebuild(
                snapshot(self.deal_id, allotment=allotment, limit=LIMIT, run_id=self.run_id)
            )
        )

    def operation(self) -> str:
        self.operations += 1
        return f"operation-{self.operations}"

    def set_to(
        self, buyer: str, quantity: int, mode: Literal["add", "set"], hold_for: timedelta
    ) -> HoldAnswer | str:
        self.gate.lapse()
        wanted = quantity + (self.gate.units_of(buyer) if mode == "add" else 0)
        expected = self.gate.set_hold(buyer, wanted)
        operation = self.operation()

        def attempt() -> Awaitable[HoldAnswer]:
            return self.deal.hold(
                buyer,
                quantity,
                mode=mode,
                operation=operation,
                hold_for=hold_for,
                epoch=self.gate.epoch,
            )

        answer = self.outcome(attempt())
        self.last = (attempt, answer) if isinstance(answer, HoldAnswer) else None
        assert (answer if isinstance(answer, str) else None) == expected
        return answer

    @rule(buyer=BUYERS, quantity=UNITS)
    def add(self, buyer: str, quantity: int) -> None:
        self.set_to(buyer, quantity, "add", timedelta(minutes=10))

    @rule(buyer=BUYERS, quantity=st.integers(0, 5))
    def change(self, buyer: str, quantity: int) -> None:
        self.set_to(buyer, quantity, "set", timedelta(minutes=10))

    @rule(buyer=BUYERS, quantity=UNITS)
    def hold_until_due(self, buyer: str, quantity: int) -> None:
        """A hold that is past its deadline before the next step; no step has lapsed it yet."""
        fresh = buyer not in self.gate.holds or self.gate.holds[buyer].due
        answer = self.set_to(buyer, quantity, "add", timedelta(milliseconds=2))
        if fresh and isinstance(answer, HoldAnswer) and answer.hold is not None:
            self.run(due(self.deal.redis, answer.hold.deadline_ms))
            self.gate.holds[buyer].due = True
            self.last = None

    @precondition(lambda self: self.last is not None)
    @rule()
    def repeat_the_last_change(self) -> None:
        assert self.last is not None
        attempt, first = self.last
        self.gate.lapse()
        again = self.run(attempt())
        assert (again.hold, again.changed) == (first.hold, first.changed)

    @rule(buyer=BUYERS, checkout=st.sampled_from(["chk_1", "chk_2"]))
    def freeze(self, buyer: str, checkout: str) -> None:
        self.last = None
        self.gate.lapse()
        expected = self.gate.freeze(buyer, checkout)
        answer = self.outcome(self.deal.freeze(buyer, checkout, epoch=self.gate.epoch))
        assert (answer if isinstance(answer, str) else None) == expected

    @rule(buyer=BUYERS, checkout=st.sampled_from(["chk_1", "chk_2"]), off=st.integers(0, 5))
    def claim(self, buyer: str, checkout: str, off: int) -> None:
        """Mostly of the units that are held; one time in six of one more."""
        self.last = None
        self.gate.lapse()
        units = max(1, self.gate.units_of(buyer)) + (off == 0)
        self.orders += 1
        order = f"ord_{self.orders:04}"
        expected = self.gate.claim(buyer, order, checkout, units)
        for _ in range(2 if expected is None else 1):
            answer = self.outcome(
                self.deal.claim(buyer, order, checkout, units=units, epoch=self.gate.epoch)
            )
            assert (answer if isinstance(answer, str) else None) == expected

    @precondition(lambda self: self.gate.claims)
    @rule(rank=st.integers(1, 5), data=st.data())
    def tell(self, rank: int, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(sorted(self.gate.claims)))
        claim = self.gate.claims[order]
        expected = self.gate.tell(order, rank)
        settled = self.run(
            self.deal.tell(rank, order, claim.buyer, claim.units, epoch=self.gate.epoch)
        )
        assert settled.word == expected
        self.last = None

    @precondition(lambda self: self.gate.claims)
    @rule(rank=st.sampled_from([3, 5]), data=st.data())
    def write_off(self, rank: Literal[3, 5], data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(sorted(self.gate.claims)))
        claim = self.gate.claims[order]
        expected = self.gate.tell(order, rank, restock=False)
        settled = self.run(
            self.deal.release(
                order, claim.buyer, claim.units, epoch=self.gate.epoch, rank=rank, restock=False
            )
        )
        assert settled.word == expected
        self.last = None

    @precondition(lambda self: any(claim.rank != 2 for claim in self.gate.claims.values()))
    @rule(data=st.data())
    def reclaim(self, data: st.DataObject) -> None:
        """Late money: only Postgres's freeing an unpaid order leads here."""
        orders = [order for order, claim in self.gate.claims.items() if claim.rank != 2]
        order = data.draw(st.sampled_from(sorted(orders)))
        claim = self.gate.claims[order]
        if claim.place != "SOLD" and claim.rank <= 3:
            self.gate.lapse()
        expected = self.gate.reclaim(order)
        answer = self.outcome(
            self.deal.reclaim(order, claim.buyer, claim.units, epoch=self.gate.epoch)
        )
        assert (answer if isinstance(answer, str) else None) == expected
        self.last = None

    @rule()
    def sweep(self) -> None:
        expected = self.gate.lapse()
        swept = self.run(self.stock.lapse_holds(self.deal_id, limit=100))
        assert swept is not None
        assert set(swept.lapsed) == expected

    @rule(delta=st.integers(-3, 3).filter(bool))
    def adjust(self, delta: int) -> None:
        expected = self.gate.adjust(delta)
        operation = self.operation()
        for _ in range(2):
            answer = self.outcome(self.deal.adjust(delta, operation, epoch=self.gate.epoch))
            assert (answer if isinstance(answer, str) else None) == expected

    @rule(paused=st.booleans(), live=st.booleans())
    def set_terms(self, *, paused: bool, live: bool) -> None:
        self.revision += 1
        self.gate.paused, self.gate.live = paused, live
        assert self.run(
            self.deal.terms(
                self.revision,
                paused=paused,
                closes_ms=CLOSES_MS if live else OPENED_MS,
                limit=LIMIT,
                epoch=self.gate.epoch,
            )
        )

    @rule(buyer=BUYERS)
    def another_epoch_is_refused(self, buyer: str) -> None:
        for epoch in (self.gate.epoch - 1, self.gate.epoch + 1):
            assert self.outcome(self.deal.hold(buyer, 1, epoch=epoch)) == "StaleEpoch"

    @rule(known=st.booleans())
    def rebuild(self, *, known: bool) -> None:
        """Postgres knows every order, or none that it has not confirmed."""
        gate = self.gate
        gate.lapse()
        gate.epoch += 1
        claims, ranks, bought = gate.as_postgres_knows_it(unconfirmed=known)
        counters = self.run(
            self.stock.rebuild(
                snapshot(
                    self.deal_id,
                    epoch=gate.epoch,
                    revision=self.revision,
                    allotment=gate.allotment,
                    sold=gate.committed,
                    closes_ms=CLOSES_MS if gate.live else OPENED_MS,
                    limit=LIMIT,
                    paused=gate.paused,
                    claims=claims,
                    ranks=ranks,
                    bought=bought,
                    run_id=self.run_id,
                )
            )
        )
        assert counters.order == (gate.epoch, 1)
        self.version, self.last = 1, None

    @invariant()
    def the_gate_is_as_the_model_says(self) -> None:
        counters = cast("Counters", self.run(self.stock.read([self.deal_id]))[self.deal_id])
        gate = self.gate
        assert (counters.epoch, counters.allotment) == (gate.epoch, gate.allotment)
        assert (counters.held, counters.committed) == (gate.held, gate.committed)
        assert counters.available == gate.available >= 0
        assert counters.version >= self.version
        self.version = counters.version
        found = self.run(self.deal.contents())
        assert holds_in(found) == {
            buyer: (hold.units, hold.frozen, hold.checkout) for buyer, hold in gate.holds.items()
        }
        bought = {buyer: gate.bought(buyer) for buyer in NAMES}
        assert found["bought"] == {buyer: str(units) for buyer, units in bought.items() if units}
        assert all(gate.bought(buyer) + gate.units_of(buyer) <= LIMIT for buyer in NAMES)
        if gate.epoch == 1:
            recount(found)

    def teardown(self) -> None:
        self.run(self.stock.close(self.deal_id))


async def open_stock(stores: Stores) -> Stock:
    return Stock(open_redis(stores.redis_url, connections=2), longest_hold=timedelta(minutes=15))


@pytest.fixture
def machine(stores: Stores) -> Iterator[type[StockMachine]]:
    """The machine with a client on an event loop of its own: its rules are not coroutines."""
    with asyncio.Runner() as runner:
        stock = runner.run(open_stock(stores))
        StockMachine.runner = runner
        StockMachine.stock = stock
        StockMachine.run_id = runner.run(stock.run_id())
        yield StockMachine
        runner.run(stock._redis.aclose())  # noqa: SLF001 - opened above


def test_the_scripts_do_what_the_model_does(machine: type[StockMachine]) -> None:
    bounds = settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_machine(machine, settings=bounds)
