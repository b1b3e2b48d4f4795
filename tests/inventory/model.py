"""A small model of one deal's gate: what the scripts should do, in plain Python."""

from dataclasses import dataclass, field
from typing import Literal

Place = Literal["CLAIMED", "SOLD", "FREED"]


@dataclass
class ModelHold:
    units: int
    frozen: bool = False
    checkout: str | None = None
    due: bool = False


@dataclass
class ModelClaim:
    buyer: str
    units: int
    rank: int
    place: Place


@dataclass
class ModelGate:
    """Refusals are returned as the name of the error; None is success."""

    epoch: int
    allotment: int
    limit: int
    live: bool = True
    paused: bool = False
    holds: dict[str, ModelHold] = field(default_factory=dict)
    claims: dict[str, ModelClaim] = field(default_factory=dict)

    @property
    def held(self) -> int:
        return sum(hold.units for hold in self.holds.values()) + self._in("CLAIMED")

    @property
    def committed(self) -> int:
        return self._in("SOLD")

    @property
    def available(self) -> int:
        return self.allotment - self.held - self.committed

    def bought(self, buyer: str) -> int:
        return sum(
            claim.units
            for claim in self.claims.values()
            if claim.buyer == buyer and claim.place != "FREED"
        )

    def units_of(self, buyer: str) -> int:
        return self.holds[buyer].units if buyer in self.holds else 0

    def lapse(self) -> set[str]:
        """Every due hold: the tests have fewer buyers than one call lapses."""
        lapsed = {buyer for buyer, hold in self.holds.items() if hold.due}
        for buyer in lapsed:
            del self.holds[buyer]
        return lapsed

    def set_hold(self, buyer: str, wanted: int) -> str | None:
        growth = wanted - self.units_of(buyer)
        if growth > 0:
            if self.paused or not self.live:
                return "DealNotLive"
            if wanted + self.bought(buyer) > self.limit:
                return "PurchaseLimitReached"
            if growth > self.available:
                return "SoldOut"
        if wanted == 0:
            self.holds.pop(buyer, None)
        elif buyer not in self.holds:
            self.holds[buyer] = ModelHold(wanted)
        elif growth:
            self.holds[buyer].units = wanted
            self.holds[buyer].checkout = None
        return None

    def freeze(self, buyer: str, checkout: str) -> str | None:
        if buyer not in self.holds:
            return "HoldLapsed"
        if self.paused or not self.live:
            return "DealNotLive"
        self.holds[buyer].frozen = True
        self.holds[buyer].checkout = checkout
        return None

    def claim(self, buyer: str, order: str, checkout: str, units: int) -> str | None:
        hold = self.holds.get(buyer)
        if hold is None or not hold.frozen or (hold.checkout, hold.units) != (checkout, units):
            return "HoldLapsed"
        if self.paused:
            return "DealNotLive"
        del self.holds[buyer]
        self.claims[order] = ModelClaim(buyer, units, 0, "CLAIMED")
        return None

    def tell(self, order: str, rank: int, *, restock: bool = True) -> str:
        """A message of the gate's own epoch about an order that claimed here."""
        claim = self.claims[order]
        if claim.rank >= rank:
            return "OLD_RANK"
        if rank in (2, 4) and claim.place == "FREED":
            return "UNKNOWN_CLAIM"
        if rank in (3, 5) and not restock:
            if claim.place == "FREED":
                return "UNKNOWN_CLAIM"
            self.allotment -= claim.units
        claim.rank = rank
        if rank in (2, 4):
            claim.place = "SOLD"
        elif rank in (3, 5):
            claim.place = "FREED"
        return "APPLIED"

    def reclaim(self, order: str) -> str | None:
        claim = self.claims[order]
        if claim.place == "SOLD":
            return None
        if claim.rank > 3:
            return "HoldLapsed"
        if claim.place == "FREED":
            if self.units_of(claim.buyer) + self.bought(claim.buyer) + claim.units > self.limit:
                return "PurchaseLimitReached"
            if claim.units > self.available:
                return "SoldOut"
        claim.place, claim.rank = "CLAIMED", 3
        return None

    def adjust(self, delta: int) -> str | None:
        if delta < 0 and self.available + delta < 0:
            return "BelowHeldAndSold"
        self.allotment += delta
        return None

    def as_postgres_knows_it(
        self, *, unconfirmed: bool
    ) -> tuple[list[tuple[str, str, int, int]], dict[str, int], dict[str, int]]:
        """Claims, ranks and bought of a snapshot; with or without orders of rank 0.

        A claim that was taken again for late money is freed: its transaction never came.
        """
        claims: list[tuple[str, str, int, int]] = []
        ranks: dict[str, int] = {}
        bought: dict[str, int] = {}
        for order, claim in self.claims.items():
            if claim.rank == 0 and not unconfirmed:
                continue
            if claim.place == "CLAIMED" and claim.rank < 3:
                claim.rank = 1
                claims.append((order, claim.buyer, claim.units, 1))
            else:
                claim.place = "FREED" if claim.place == "CLAIMED" else claim.place
                ranks[order] = claim.rank
            if claim.place != "FREED":
                bought[claim.buyer] = bought.get(claim.buyer, 0) + claim.units
        return claims, ranks, bought

    def _in(self, place: Place) -> int:
        return sum(claim.units for claim in self.claims.values() if claim.place == place)
