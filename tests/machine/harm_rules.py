"""What happens to the stores and the provider while the sale goes on."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from payments.gateway import OpenIntent
from tests.machine.base import DEALS, HARM, PICK, Machine, one_of
from tests.machine.seams import Harm


class HarmRules(Machine):
    """Redis forgets, restarts, is rolled back or away; requests are late; keys are forgotten."""

    @rule(deal=DEALS, harm=HARM)
    def rebuild(self, deal: int, harm: Harm | None) -> None:
        deal_id = self.world.deals[deal]
        above = self.run(self.world.epoch(deal_id))
        self.attempt(self.world.resources.gatekeeper.rebuild(deal_id, above=above), harm)

    @rule()
    def flush_redis(self) -> None:
        self.world.harmed = True
        self.run(self.world.memory.flush())

    @rule()
    def restart_redis(self) -> None:
        self.run(self.world.memory.begin_another_life())

    @precondition(lambda self: len(self.world.memory.copies) < 3)
    @rule()
    def copy_redis(self) -> None:
        self.run(self.world.memory.copy())

    @precondition(lambda self: self.world.memory.copies)
    @rule(which=PICK, noticed=st.sampled_from([True, True, False]))
    def roll_redis_back(self, which: int, *, noticed: bool) -> None:
        memory = self.world.memory
        self.world.harmed = True
        if not noticed:
            self.world.astray = True
            self.last.clear()
        self.run(memory.roll_back(one_of(memory.copies, which), noticed=noticed))

    @rule()
    def redis_goes_away(self) -> None:
        self.world.harmed = True
        self.world.seams.redis_away = True

    @precondition(lambda self: self.world.seams.redis_away or self.world.outage_believed)
    @rule(believed=st.booleans())
    def redis_comes_back(self, *, believed: bool) -> None:
        self.world.seams.redis_away = False
        self.world.outage_believed = self.world.outage_believed and believed

    @precondition(lambda self: self.world.seams.late)
    @rule(which=PICK)
    def a_late_request_arrives(self, which: int) -> None:
        late = self.world.seams.late
        self.arrive(late.pop(which % len(late)))

    @precondition(lambda self: self.world.answered)
    @rule(which=PICK)
    def provider_opens_a_second_intent(self, which: int) -> None:
        """It has forgotten its keys, and a process repeats a creation (protocol rule 8)."""
        rows = {row["id"]: row for row in self.run(self.world.orders())}
        row = rows[one_of(sorted(self.world.answered), which)]
        self.run(self.world.ask_sandbox("/sandbox/forget_keys"))
        wanted = OpenIntent(
            order_id=row["id"],
            user_id=row["user_id"],
            order_number=row["number"],
            amount_minor=row["total_minor"],
            currency=row["currency"],
        )
        self.run(self.world.resources.gateway.open_intent(wanted))
