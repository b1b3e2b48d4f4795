"""What buyers do: hold, check out, place orders, pay for them, cancel them."""

from collections.abc import Coroutine
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from orders.checkout import CheckoutView
from orders.errors import SoldOut
from tests.machine.base import BUYERS, DEALS, HARM, PICK, Machine, one_of
from tests.machine.seams import Harm

CARDS = st.sampled_from(
    ["pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", "pm_usBankAccount_processing"]
)


class BuyerRules(Machine):
    """Three buyers at two deals."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = 0
        self.placements: list[tuple[CheckoutView, str]] = []

    @rule(buyer=BUYERS, deal=DEALS, quantity=st.integers(1, 2), keyed=st.booleans(), harm=HARM)
    def add(self, buyer: int, deal: int, quantity: int, *, keyed: bool, harm: Harm | None) -> None:
        self.keys += 1
        carts, world = self.world.resources.carts, self.world
        key = f"add-{self.keys}" if keyed else None

        def wanted() -> Coroutine[Any, Any, object]:
            return carts.add(
                world.buyers[buyer], deal_id=world.deals[deal], quantity=quantity, key=key
            )

        before = self._held(buyer, deal)
        answer = self.attempt(wanted(), harm)
        if key is not None and isinstance(answer, BaseException):
            answer = self.attempt(wanted())
        if not (isinstance(answer, BaseException) or world.harmed):
            assert self._held(buyer, deal) == before + quantity, "not held, or held twice"

    def _held(self, buyer: int, deal: int) -> int:
        world = self.world
        user_id, deal_id = world.buyers[buyer], world.deals[deal]
        holds = self.run(world.resources.stock.read_holds(user_id, [deal_id]))
        return holds[deal_id].units if deal_id in holds else 0

    @rule(buyer=BUYERS, deal=DEALS, quantity=st.integers(0, 3), harm=HARM)
    def change(self, buyer: int, deal: int, quantity: int, harm: Harm | None) -> None:
        world = self.world
        self.attempt(
            world.resources.carts.change(
                world.buyers[buyer], deal_id=world.deals[deal], quantity=quantity
            ),
            harm,
        )

    @rule(buyer=BUYERS, harm=HARM)
    def check_out(self, buyer: int, harm: Harm | None) -> None:
        world = self.world
        answer = self.attempt(world.resources.checkouts.begin(world.buyers[buyer]), harm)
        if isinstance(answer, CheckoutView):
            world.checkouts.append(answer)

    @rule(buyer=BUYERS, deals=st.sets(DEALS, min_size=1), quantity=st.integers(1, 2), harm=HARM)
    def buy(self, buyer: int, deals: set[int], quantity: int, harm: Harm | None) -> None:
        """A purchase in one go: most of them end at the first refusal."""
        for deal in sorted(deals):
            self.add(buyer, deal, quantity, keyed=False, harm=None)
        before = len(self.world.checkouts)
        self.check_out(buyer, None)
        if len(self.world.checkouts) > before:
            self.place(0, harm)

    @precondition(lambda self: self.world.checkouts)
    @rule(which=st.integers(0, 2), harm=HARM)
    def place(self, which: int, harm: Harm | None) -> None:
        """Mostly the newest checkout."""
        self.keys += 1
        checkout = self.world.checkouts[-1 - which % len(self.world.checkouts)]
        self.placements.append((checkout, f"place-{self.keys}"))
        self._place(checkout, f"place-{self.keys}", harm)

    @precondition(lambda self: self.placements)
    @rule(which=st.integers(0, 2), harm=HARM)
    def place_again(self, which: int, harm: Harm | None) -> None:
        """The answer was lost, or the buyer is impatient: the same key once more."""
        checkout, key = self.placements[-1 - which % len(self.placements)]
        self._place(checkout, key, harm)

    def _place(self, checkout: CheckoutView, key: str, harm: Harm | None) -> None:
        world = self.world
        answer = self.attempt(
            world.resources.placing.place(
                checkout.user_id,
                checkout_id=checkout.id,
                key=key,
                expected_total=checkout.total,
            ),
            harm,
        )
        if isinstance(answer, str):
            world.answered[answer] = checkout.user_id
        # Two carts of one checkout are one order: the units were set aside for it.
        assert world.harmed or not isinstance(answer, SoldOut), "sold out, and yet it was held"

    @precondition(lambda self: self.world.intents())
    @rule(
        which=PICK,
        card=CARDS,
        heard=st.booleans(),
    )
    def pay(self, which: int, card: str, heard: int | None) -> None:
        intent = one_of(self.world.intents(), which)
        self.run(self.world.pay(intent, card))  # the event may be lost, or name another amount
        if heard is not None:
            self.run(self.world.hear_of(intent, off_minor=heard))

    @precondition(lambda self: self.world.intents())
    @rule(which=PICK, outcome=st.sampled_from(["succeed", "fail"]))
    def bank_decides(self, which: int, outcome: str) -> None:
        intent = one_of(self.world.intents(), which)
        path = f"/sandbox/intents/{intent.id}/settle"
        self.run(self.world.ask_sandbox(path, outcome=outcome))

    @precondition(lambda self: self.world.answered)
    @rule(which=PICK, harm=HARM)
    def cancel(self, which: int, harm: Harm | None) -> None:
        order_id = one_of(sorted(self.world.answered), which)
        self.attempt(
            self.world.resources.cancelling.cancel(self.world.answered[order_id], order_id), harm
        )
