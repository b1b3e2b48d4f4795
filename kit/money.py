"""Money: whole minor units of one currency."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents) of an ISO 4217 currency."""

    amount_minor: int
    currency: str

    def __str__(self) -> str:
        return f"{self.amount_minor / 100:.2f} {self.currency}"


def discount_percent(*, price_minor: int, list_price_minor: int) -> int:
    """Whole percents off the list price, rounded down so that no saving is overstated."""
    if list_price_minor <= 0:
        return 0
    return max(0, (list_price_minor - price_minor) * 100 // list_price_minor)
