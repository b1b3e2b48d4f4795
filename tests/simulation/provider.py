"""A payment provider in memory: answers get lost, keys are forgotten, events come late or never."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from kit.money import Money

IntentState = Literal["OPEN", "SUCCEEDED", "CANCELLED"]


class AnswerLost(Exception):
    """Nobody knows whether the provider did what it was asked."""


@dataclass(slots=True)
class Charge:
    """One payment intent, as the provider knows it."""

    id: str
    order_id: int
    asked: Money
    state: IntentState = "OPEN"
    received: Money | None = None
    refunded: bool = False
    told: bool = True  # an event of its last change has been sent, or will never be
    cannot_refund: bool = False


class Provider:
    def __init__(self, random: Random) -> None:
        self.charges: list[Charge] = []
        self.loses = 0.0  # how likely a request, and then its answer, gets lost
        self._random = random
        self._keys: dict[int, Charge] = {}

    def open(self, order_id: int, total: Money) -> Charge:
        """The intent of this order's key, or a new one where the key is not remembered."""
        self._before()
        charge = self._keys.get(order_id)
        if charge is None:
            charge = Charge(f"pi_{len(self.charges) + 1}", order_id, total)
            self.charges.append(charge)
            self._keys[order_id] = charge
        self._after()
        return charge

    def retrieve(self, intent_id: str) -> Charge:
        self._before()
        return self.find(intent_id)

    def list_of(self, order_id: int) -> list[Charge]:
        self._before()
        return self.of(order_id)

    def cancel(self, intent_id: str) -> Charge:
        """Cancel an intent unless it has succeeded; its state afterwards."""
        self._before()
        charge = self.find(intent_id)
        if charge.state == "OPEN":
            charge.state = "CANCELLED"
        self._after()
        return charge

    def refund(self, intent_id: str) -> bool:
        """Send a capture back, once; False when that will never succeed."""
        self._before()
        charge = self.find(intent_id)
        if not charge.cannot_refund:
            charge.refunded = True
        self._after()
        return charge.refunded

    def pay(self, charge: Charge, amount: Money) -> None:
        charge.state, charge.received, charge.told = "SUCCEEDED", amount, False

    def surprise(self, order_id: int, amount: Money) -> Charge:
        charge = Charge(f"pi_{len(self.charges) + 1}", order_id, amount)
        self.charges.append(charge)
        self.pay(charge, amount)
        return charge

    def forget_key(self, order_id: int) -> None:
        self._keys.pop(order_id, None)

    def find(self, intent_id: str) -> Charge:
        return next(charge for charge in self.charges if charge.id == intent_id)

    def of(self, order_id: int) -> list[Charge]:
        return [charge for charge in self.charges if charge.order_id == order_id]

    def _before(self) -> None:
        if self._random.random() < self.loses:
            raise AnswerLost

    def _after(self) -> None:
        if self._random.random() < self.loses:
            raise AnswerLost
