"""Money is written with as many digits as its currency has."""

import pytest

from kit.money import Money, discount_percent


@pytest.mark.parametrize(
    ("amount_minor", "currency", "shown"),
    [
        (4_990, "USD", "49.90 USD"),
        (5, "EUR", "0.05 EUR"),
        (-105, "USD", "-1.05 USD"),
        (4_990, "JPY", "4990 JPY"),
        (4_990, "KWD", "4.990 KWD"),
    ],
)
def test_an_amount_is_written_with_its_currency(
    amount_minor: int, currency: str, shown: str
) -> None:
    assert str(Money(amount_minor, currency)) == shown


def test_no_saving_is_overstated() -> None:
    assert discount_percent(price_minor=667, list_price_minor=1_000) == 33
    assert discount_percent(price_minor=1_000, list_price_minor=1_000) == 0
