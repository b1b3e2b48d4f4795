"""What happens behind the counter: jobs in any order, sweeps, and what operators do."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from orders.errors import InvalidInput
from tests.machine.base import DEALS, HARM, PICK, Machine, one_of
from tests.machine.seams import Harm


class ShopRules(Machine):
    """A worker that does one thing at a time, and an operator."""

    @rule(which=PICK, harm=HARM, again=st.booleans())
    def do_a_job(self, which: int, harm: Harm | None, *, again: bool) -> None:
        waiting = self.run(self.world.waiting_jobs())
        if waiting:
            self.do(one_of(waiting, which), harm, again=again)

    @rule()
    def do_all_jobs(self) -> None:
        for job in self.run(self.world.waiting_jobs()):
            self.do(job)

    @rule(minutes=st.sampled_from([1, 11, 16]))
    def time_passes(self, minutes: int) -> None:
        self.run(self.world.grow_older(timedelta(minutes=minutes)))

    @rule(harm=HARM)
    def expire_orders(self, harm: Harm | None) -> None:
        self.attempt(self.world.resources.sweeps.expire_orders(), harm)

    @rule()
    def poll_payments(self) -> None:
        self.attempt(self.world.resources.sweeps.poll_payments())

    @rule(harm=HARM)
    def lapse_holds(self, harm: Harm | None) -> None:
        self.attempt(self.world.resources.sweeps.lapse_holds(), harm)

    @rule(harm=HARM)
    def release_stale_claims(self, harm: Harm | None) -> None:
        self.attempt(self.world.resources.sweeps.release_stale_claims(), harm)

    @rule(harm=HARM)
    def open_gates(self, harm: Harm | None) -> None:
        self.attempt(self.world.resources.sweeps.open_gates(), harm)

    @rule(harm=HARM)
    def release_by_rule(self, harm: Harm | None) -> None:
        self.attempt(self.world.resources.safety_stock.release_safety_stock(), harm)

    @rule(harm=HARM)
    def reconcile_gates(self, harm: Harm | None) -> None:
        self.attempt(self.world.resources.reconciliation.reconcile_live(), harm)

    @rule(harm=HARM)
    def reconcile_orders(self, harm: Harm | None) -> None:
        self.attempt(self.world.resources.reconciliation.reconcile_orders(), harm)

    @rule(harm=HARM)
    def reconcile_intents(self, harm: Harm | None) -> None:
        self.attempt(self.world.resources.reconciliation.reconcile_intents(), harm)

    @rule(deal=DEALS, delta=st.sampled_from([-2, -1, -1, 1, 1]), harm=HARM)
    def adjust_stock(self, deal: int, delta: int, harm: Harm | None) -> None:
        world = self.world
        answer = self.attempt(
            world.resources.restocking.adjust_stock(
                world.deals[deal], delta, reason="counted", actor="machine"
            ),
            harm,
        )
        # The gate may have given units up that Postgres still has.
        cut_off = isinstance(answer, BaseException) and not isinstance(answer, InvalidInput)
        world.astray = world.astray or (delta < 0 and cut_off)

    @rule(deal=DEALS, paused=st.booleans(), harm=HARM)
    def pause_or_resume(self, deal: int, harm: Harm | None, *, paused: bool) -> None:
        desk, deal_id = self.world.resources.dealdesk, self.world.deals[deal]
        self.attempt(desk.pause(deal_id) if paused else desk.resume(deal_id), harm)

    @rule(deal=DEALS, harm=HARM)
    def release_safety_stock(self, deal: int, harm: Harm | None) -> None:
        world = self.world
        self.attempt(
            world.resources.safety_stock.release(world.deals[deal], 1, actor="machine"), harm
        )

    @precondition(lambda self: self.world.answered)
    @rule(which=PICK, restock=st.booleans(), harm=HARM)
    def refund(self, which: int, harm: Harm | None, *, restock: bool) -> None:
        order_id = one_of(sorted(self.world.answered), which)
        refunding = self.world.resources.refunding
        self.attempt(
            refunding.refund(order_id, restock=restock, reason="broken", actor="machine"), harm
        )
