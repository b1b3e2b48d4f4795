"""What the gate of a deal or a buyer's cart refuses; of what was asked, nothing was written."""

from inventory.answers import Counters


class GateRefusal(Exception):
    """A gate said no. Due holds of other buyers may have lapsed in passing: see `lapsed`.

    `counters` are those after the refusal, None where no gate answered.
    """

    def __init__(self, deal_id: str, message: str) -> None:
        super().__init__(f"{deal_id}: {message}")
        self.deal_id = deal_id
        self.counters: Counters | None = None
        self.lapsed: tuple[str, ...] = ()


class StaleEpoch(GateRefusal):
    """The gate is of another epoch or another life of the server; None: there is no gate.

    Rebuild it, or read the deal's present epoch, then repeat with the same operation id.
    """

    def __init__(self, deal_id: str, gate_epoch: int | None) -> None:
        super().__init__(deal_id, f"the gate is of epoch {gate_epoch}")
        self.gate_epoch = gate_epoch


class GateUnreadable(StaleEpoch):
    """What Redis keeps of one deal is not what scripts write: such a gate counts as lost.

    A script may have written before it met that, so the gate has to be rebuilt.
    """

    def __init__(self, deal_id: str) -> None:
        super().__init__(deal_id, None)


class SoldOut(GateRefusal):
    """Fewer units are left than were asked for."""

    def __init__(self, deal_id: str, available: int) -> None:
        super().__init__(deal_id, f"{available} units are available")
        self.available = available


class PurchaseLimitReached(GateRefusal):
    """Held, claimed and bought units would be more than one buyer may have."""

    def __init__(self, deal_id: str, limit: int, already_yours: int) -> None:
        super().__init__(deal_id, f"{already_yours} of at most {limit} units")
        self.limit = limit
        self.already_yours = already_yours


class DealNotLive(GateRefusal):
    """The deal is paused, or not open at the server's time."""

    def __init__(self, deal_id: str) -> None:
        super().__init__(deal_id, "not live")


class HoldLapsed(GateRefusal):
    """The buyer has no such hold, or no longer."""

    def __init__(self, deal_id: str) -> None:
        super().__init__(deal_id, "no such hold")


class BelowHeldAndSold(GateRefusal):
    """More units were to be taken away than are neither held nor sold."""

    def __init__(self, deal_id: str, available: int) -> None:
        super().__init__(deal_id, f"{available} units are neither held nor sold")
        self.available = available


class KeyReused(Exception):
    """The idempotency key came with another request before."""

    def __init__(self) -> None:
        super().__init__("this idempotency key came with another request before")


class CartFull(Exception):
    """The cart has as many deals as a cart may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"a cart has at most {most} deals")
        self.most = most
