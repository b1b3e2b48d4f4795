"""Postgres and the gate in memory: orders of one deal, its units, and the jobs that are staged."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from kit.money import Money
from orders.decision import Decision, Effect, OrderStatus

Outcome = Literal["MOVED", "TOO_LATE", "UNITS_GONE"]
ENDED = ("EXPIRED", "CANCELLED")


class Broken(AssertionError):
    """A promise is broken; the message says which."""


@dataclass(slots=True)
class Order:
    """An order's row; `intents` are the payments that are written down, True once refunded."""

    id: int
    total: Money
    due_at: datetime
    units: int
    status: OrderStatus = "PENDING_PAYMENT"
    rank: int = 1
    owns: bool = True
    paid_by: str | None = None
    restock: bool = True
    intents: dict[str, bool] = field(default_factory=dict)
    confirmations: int = 0
    doubted: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Work staged in Postgres: done at least once."""

    kind: Literal["settle", "refund", "gate"]
    order_id: int
    intent_id: str = ""
    rank: int = 0
    restock: bool = True


class Gate:
    """The deal's counters at the gate; each order's units, rank and place (protocol rule 4)."""

    def __init__(self, units: int) -> None:
        self.allotment = self.available = units
        self._claims: dict[int, tuple[int, bool]] = {}  # rank, whether units are counted

    def claim(self, order: Order) -> None:
        self.available -= order.units
        self._claims[order.id] = (0, True)

    def reclaim(self, order: Order) -> bool:
        """Take a freed order's units once more; True also when it has them (still, or again)."""
        rank, counted = self._claims[order.id]
        if rank > 3:
            return rank == 4
        if not counted:
            if order.units > self.available:
                return False
            self.available -= order.units
        self._claims[order.id] = (3, True)
        return True

    def hear(self, order: Order, job: Job) -> None:
        rank, counted = self._claims[order.id]
        if job.rank <= rank:
            return
        if job.rank in (3, 5) and counted:
            if job.restock:
                self.available += order.units
            else:
                self.allotment -= order.units
        self._claims[order.id] = (job.rank, job.rank not in (3, 5))


class Stores:
    def __init__(self, units: int) -> None:
        self.gate = Gate(units)
        self.allotment = units
        self.claimed = self.sold = 0
        self.orders: dict[int, Order] = {}
        self.jobs: list[Job] = []

    def place(self, order: Order) -> None:
        self.gate.claim(order)
        self._claim(order.units)
        self.orders[order.id] = order
        self.stage(Job("settle", order.id), Job("gate", order.id, rank=1))

    def stage(self, *jobs: Job) -> None:
        """Queue jobs; the same one is queued once."""
        self.jobs.extend(job for job in jobs if job not in self.jobs)

    def move(self, order: Order, was: OrderStatus, decision: Decision) -> Outcome:
        """What `orders.transition` does in one transaction, on condition of the status."""
        takes = not order.owns and Effect.COMMIT_UNITS in decision.effects
        if takes and order.units > self.allotment - self.claimed:
            return "UNITS_GONE"
        if order.status != was:
            return "TOO_LATE"
        self._move_units(order, decision, takes=takes)
        order.status = decision.status
        order.paid_by = decision.paid_by or order.paid_by
        order.confirmations += Effect.CONFIRM_TO_BUYER in decision.effects
        order.doubted |= Effect.ALERT in decision.effects
        return "MOVED"

    def _move_units(self, order: Order, decision: Decision, *, takes: bool) -> None:
        units, effects = order.units, decision.effects
        if not order.owns:
            if takes:
                self._claim(units)
                self.sold += units
                self._tell_gate(order, 4, owns=True)
            elif order.status in ENDED:
                self._tell_gate(order, 5, owns=False)
            return
        freed = 3 if order.rank < 3 else 5
        if Effect.COMMIT_UNITS in effects:
            self.sold += units
            self._tell_gate(order, 2 if order.rank == 1 else 4, owns=True)
        elif Effect.FREE_UNITS in effects or Effect.WRITE_OFF_UNITS in effects:
            self.claimed -= units
            self.sold -= units if order.rank in (2, 4) else 0
            restock = Effect.FREE_UNITS in effects
            self.allotment -= 0 if restock else units
            self._tell_gate(order, freed, owns=False, restock=restock)

    def _claim(self, units: int) -> None:
        self.claimed += units
        if self.claimed > self.allotment:
            raise Broken(f"oversold: {self.claimed} of {self.allotment}")

    def _tell_gate(self, order: Order, rank: int, *, owns: bool, restock: bool = True) -> None:
        order.rank, order.owns = rank, owns
        self.stage(Job("gate", order.id, rank=rank, restock=restock))
