"""How many attempts a subject has, per scope."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from kit.settings import Limits

Scope: TypeAlias = Literal["sign_in", "cart", "order"]
Kind: TypeAlias = Literal["buyer", "address"]


@dataclass(frozen=True, slots=True)
class Figures:
    """At most `burst` attempts in any window, and `per_second` over time."""

    burst: int
    window_ms: int
    per_second: float

    @property
    def packed(self) -> str:
        """As scripts take them."""
        return f"{self.burst}|{self.window_ms}|{self.per_second!r}"


def figures_of(limits: Limits) -> dict[tuple[Scope, Kind], Figures]:
    """The figures of each scope: strict for a buyer, loose for an address that many may share."""
    return {
        ("sign_in", "buyer"): Figures(
            limits.sign_in_burst, limits.sign_in_window_seconds * 1000, limits.sign_in_per_second
        ),
        ("sign_in", "address"): Figures(
            limits.sign_in_address_burst,
            limits.sign_in_address_window_seconds * 1000,
            limits.sign_in_address_per_second,
        ),
        ("cart", "buyer"): Figures(
            limits.cart_burst, limits.cart_window_seconds * 1000, limits.cart_per_second
        ),
        ("cart", "address"): Figures(
            limits.cart_address_burst,
            limits.cart_address_window_seconds * 1000,
            limits.cart_address_per_second,
        ),
        ("order", "buyer"): Figures(
            limits.order_burst, limits.order_window_seconds * 1000, limits.order_per_second
        ),
        ("order", "address"): Figures(
            limits.order_address_burst,
            limits.order_address_window_seconds * 1000,
            limits.order_address_per_second,
        ),
    }
