"""Money as clients see and say it."""

import strawberry

from kit import money


@strawberry.type(description="An amount of one currency, in whole minor units.")
class Money:
    amount_minor: int = strawberry.field(description="Minor units: cents for USD.")
    currency: str = strawberry.field(description="ISO 4217: USD.")

    @classmethod
    def of(cls, amount: money.Money) -> "Money":
        """What an amount looks like from outside."""
        return cls(amount_minor=amount.amount_minor, currency=amount.currency)


@strawberry.input(description="An amount of one currency, in whole minor units.")
class MoneyInput:
    amount_minor: int = strawberry.field(description="Minor units: cents for USD.")
    currency: str = strawberry.field(
        description="ISO 4217. A deployment sells in one currency; any other is refused."
    )

    def amount(self) -> money.Money:
        """The amount inside the house."""
        return money.Money(self.amount_minor, self.currency)
