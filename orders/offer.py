"""What an operator offers: the terms of a deal, and what makes them usable."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.money import Money
from orders.errors import InvalidInput

MOST_UNITS = 10_000_000
# A cart of fifty lines of this fits into GraphQL's Int of 31 bits.
MOST_LINE_MINOR = 40_000_000
LONGEST_DEAL = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """When all units that a deal withholds go on sale by themselves; neither: never."""

    when_sold_out: bool = False
    at: datetime | None = None


NO_RULE = ReleaseRule()


@dataclass(frozen=True, slots=True)
class NewDeal:
    """What an operator gives to open a deal. `starts_at` may lie in the past: live at once."""

    product_id: str
    title: str
    price: Money
    list_price: Money
    starts_at: datetime
    ends_at: datetime
    allotment: int
    safety_stock: int = 0
    purchase_limit: int = 2
    release: ReleaseRule = NO_RULE


def limit_at_gate(purchase_limit: int, price_minor: int) -> int:
    """Most units for one buyer: the operator's limit, and no line that is too dear to be added."""
    return min(purchase_limit, MOST_LINE_MINOR // max(price_minor, 1))


def check_prices(price: Money, list_price: Money, *, currency: str) -> None:
    """Refuse prices of another currency, out of bounds, or that are no saving.

    Raises:
        InvalidInput: saying what would be right.
    """
    for field, money in (("price", price), ("listPrice", list_price)):
        if money.currency != currency:
            raise InvalidInput(field, f"Prices here are in {currency}.")
        if not 0 < money.amount_minor <= MOST_LINE_MINOR:
            raise InvalidInput(field, f"1 to {MOST_LINE_MINOR} minor units.")
    if list_price.amount_minor < price.amount_minor:
        raise InvalidInput("listPrice", "The list price is not below the price.")


def check_window(starts_at: datetime, ends_at: datetime) -> None:
    """Refuse a deal that ends before it starts, or is open for too long."""
    if ends_at <= starts_at:
        raise InvalidInput("endsAt", "A deal ends after it starts.")
    if ends_at - starts_at > LONGEST_DEAL:
        raise InvalidInput("endsAt", f"A deal is open for at most {LONGEST_DEAL.days} days.")


def check_units(field: str, units: int, *, besides: int = 0) -> None:
    """Refuse a number of units below 0 or, with those besides them, beyond any stock."""
    if not 0 <= units <= MOST_UNITS - besides:
        raise InvalidInput(field, f"0 to {MOST_UNITS - besides} units.")


def check_release(rule: ReleaseRule, ends_at: datetime) -> None:
    """Refuse a time for the safety stock that would never come."""
    if rule.at is not None and rule.at >= ends_at:
        raise InvalidInput("safetyStockRelease", "Safety stock is released before the deal ends.")


def check_limit(purchase_limit: int) -> None:
    """Refuse a purchase limit below 1."""
    if not 1 <= purchase_limit <= MOST_UNITS:
        raise InvalidInput("purchaseLimit", f"1 to {MOST_UNITS} units for each buyer.")
