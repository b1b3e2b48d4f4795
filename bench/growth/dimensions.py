"""What grows, and from how much: 1, 10 and 100 times as much of one thing, all else alike."""

from dataclasses import dataclass
from typing import Final, Literal

Dimension = Literal["deals", "buyers", "holds", "orders", "subscribers"]
Operation = Literal["list", "deal", "addToCart", "placeOrder"]

OPERATIONS: Final[tuple[Operation, ...]] = ("list", "deal", "addToCart", "placeOrder")
FACTORS: Final = (1, 10, 100)
FIRST: Final[dict[Dimension, int]] = {
    "deals": 100,
    "buyers": 1_000,
    "holds": 100,
    "orders": 1_000,
    "subscribers": 100,
}


@dataclass(frozen=True, slots=True)
class Place:
    """One of the states that are compared: one dimension, so many times its first size."""

    dimension: Dimension
    factor: int

    @property
    def size(self) -> int:
        """How much there is of it."""
        return FIRST[self.dimension] * self.factor
