"""What all rules of the machine stand on: one operation, its checks, and how a sale settles."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, ClassVar, TypeVar

import asyncpg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from orders.errors import OUT_OF_REACH, Refusal, TryLater
from payments.errors import ProviderUnreachable
from tests.machine import truths
from tests.machine.memory import Gate
from tests.machine.seams import Died, Harm, operation
from tests.machine.world import Offer, World

T = TypeVar("T")

PICK = st.integers(0, 11)
"""One of a list, by its remainder."""
BUYERS = st.integers(0, 2)
DEALS = st.integers(0, 1)
HARM = st.one_of(
    st.none(),
    st.none(),
    st.builds(
        Harm,
        kind=st.sampled_from(["dies", "lost", "late", "twice"]),
        step=st.integers(1, 8),
        after=st.booleans(),
    ),
)
# Longer than a hold, a frozen hold, a payment's time and the poller's patience.
LONG_ENOUGH = timedelta(minutes=20)
# What is left over is repeated this often before it counts as stuck.
MOST_ROUNDS = 12
# The world failing, or an operation refused; anything else is a mistake of the product.
CUT = (Refusal, ProviderUnreachable, Died, *OUT_OF_REACH)


def one_of(among: Sequence[T], at: int) -> T:
    return among[at % len(among)]


class Machine(RuleBasedStateMachine):
    """Every rule is one operation; at most one thing goes wrong in it, at a chosen touch."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    make_world: ClassVar[Callable[[], World]]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world()
        self.last: dict[str, Gate] = {}

    def run(self, wanted: Awaitable[T]) -> T:
        return self.loop.run_until_complete(wanted)

    def attempt(
        self,
        wanted: Coroutine[Any, Any, T],
        harm: Harm | None = None,
        *,
        may_wait: bool = False,
    ) -> T | BaseException:
        """What an operation answers; or how it was refused, or cut off by what harmed it.

        Without harm it must not be told to try later, unless it `may_wait` for another.
        """
        return self.run(self._attempt(wanted, harm, may_wait=may_wait))

    async def _attempt(
        self, wanted: Coroutine[Any, Any, T], harm: Harm | None, *, may_wait: bool
    ) -> T | BaseException:
        world = self.world
        await world.a_moment_later()
        outage = world.resources.placing._outage  # noqa: SLF001 - what it believes is a matter of time
        outage._found_at = monotonic() if world.outage_believed else -LONG_ENOUGH.total_seconds()  # noqa: SLF001 - as above
        answer: T | BaseException
        with operation(harm) as begun:
            try:
                answer = await wanted
            except CUT as cut:
                answer = cut
        world.outage_believed = outage.under_way
        excused = begun.harmed or world.seams.redis_away or world.outage_believed
        if isinstance(answer, TryLater):
            assert excused or may_wait, f"told to wait for nothing: {answer!r}"
        elif isinstance(answer, CUT) and not isinstance(answer, Refusal):
            assert excused, f"cut off by nothing: {answer!r}"
        return answer

    def do(self, job: asyncpg.Record, harm: Harm | None = None, *, again: bool = False) -> None:
        """Do a job; it stays when it did not succeed, or when nobody noted that it did."""
        cut = self.attempt(self.world.do(job), harm, may_wait=True)
        if cut is None and not again:
            self.run(self.world.done_with(job))

    def arrive(self, call: Callable[[], Awaitable[object]]) -> None:
        """A late request is carried out; nobody waits for its answer."""

        async def arriving() -> None:
            try:
                await call()
            except CUT:
                return

        self.run(arriving())

    @initialize(
        offers=st.lists(
            st.builds(
                Offer,
                units=st.integers(1, 3),
                safety_stock=st.integers(0, 1),
                release_when_sold_out=st.booleans(),
            ),
            min_size=2,
            max_size=2,
        ),
        limit=st.integers(1, 3),
    )
    def open(self, offers: list[Offer], limit: int) -> None:
        self.run(self.world.open(offers, limit))

    @invariant()
    def nothing_is_oversold_or_lost(self) -> None:
        if self.world.deals:
            self.run(truths.check_step(self.world, self.last))

    def teardown(self) -> None:
        try:
            if self.world.deals:
                self._settle()
                self.run(truths.check_step(self.world, self.last))
                self.run(truths.check_settled(self.world))
        finally:
            self.world.seams.late.clear()
            self.world.seams.redis_away = False
            self.run(self.world.close())

    def _settle(self) -> None:
        """Everything heals, everybody waits, and the worker works until nothing is left."""
        world = self.world
        world.seams.redis_away = world.outage_believed = False
        while world.seams.late:
            self.arrive(world.seams.late.pop(0))
        self._people_decide()
        sweeps, reconciliation = world.resources.sweeps, world.resources.reconciliation
        for round_ in range(MOST_ROUNDS):
            self.run(world.grow_older(LONG_ENOUGH))
            for sweep in (
                sweeps.open_gates,
                sweeps.lapse_holds,
                sweeps.release_stale_claims,
                sweeps.expire_orders,
                sweeps.poll_payments,
                reconciliation.reconcile_orders,
                reconciliation.reconcile_intents,  # what it finds it believes at the second pass
                *((reconciliation.reconcile_live,) if world.astray else ()),
            ):
                self.attempt(sweep())
            for job in self.run(world.waiting_jobs()):
                self.do(job)
            if round_ > 1 and self._is_settled():
                return
        left = [(job["entrypoint"], job["payload"]) for job in self.run(world.waiting_jobs())]
        transit = [row["status"] for row in self.run(world.orders(*truths.IN_TRANSIT))]
        raise AssertionError(f"stuck: {left} {transit}")

    def _people_decide(self) -> None:
        """Banks let go of what they hold up, and an operator refunds what is in doubt."""
        world = self.world
        for intent in world.intents():
            path = f"/sandbox/intents/{intent.id}/settle"
            self.run(world.ask_sandbox(path, outcome="succeed"))
        for order in self.run(world.orders("UNDER_REVIEW")):
            self.attempt(
                world.resources.refunding.refund(
                    order["id"], restock=True, reason="in doubt", actor="machine"
                )
            )

    def _is_settled(self) -> bool:
        return not (
            self.run(self.world.waiting_jobs()) or self.run(self.world.orders(*truths.IN_TRANSIT))
        )
