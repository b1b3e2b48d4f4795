"""Test cards: what each does when it is charged."""

from dataclasses import dataclass
from typing import Final, Literal

Behaviour = Literal["pays", "declines", "asks", "processes"]


@dataclass(frozen=True, slots=True)
class Card:
    """A test payment method. `asks` wants 3-D Secure first, `processes` settles when told to."""

    behaviour: Behaviour
    name: str
    decline_code: str | None = None
    message: str | None = None


_DECLINED: Final = "Your card was declined."
_INSUFFICIENT: Final = "Your card has insufficient funds."

_PAYS = Card("pays", "pm_card_visa")
_DECLINES = Card("declines", "pm_card_chargeDeclined", "generic_decline", _DECLINED)
_NO_FUNDS = Card(
    "declines", "pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds", _INSUFFICIENT
)
_ASKS = Card("asks", "pm_card_authenticationRequired")

# Names and numbers of https://docs.stripe.com/testing
BY_NAME: Final[dict[str, Card]] = {
    "pm_card_visa": _PAYS,
    "pm_card_mastercard": Card("pays", "pm_card_mastercard"),
    "pm_card_amex": Card("pays", "pm_card_amex"),
    "pm_card_chargeDeclined": _DECLINES,
    "pm_card_visa_chargeDeclined": _DECLINES,
    "pm_card_chargeDeclinedInsufficientFunds": _NO_FUNDS,
    "pm_card_visa_chargeDeclinedInsufficientFunds": _NO_FUNDS,
    "pm_card_authenticationRequired": _ASKS,
    "pm_card_threeDSecure2Required": _ASKS,
    "pm_usBankAccount_processing": Card("processes", "pm_usBankAccount_processing"),
}
BY_NUMBER: Final[dict[str, Card]] = {
    "4242424242424242": _PAYS,
    "5555555555554444": BY_NAME["pm_card_mastercard"],
    "378282246310005": BY_NAME["pm_card_amex"],
    "4000000000000002": _DECLINES,
    "4000000000009995": _NO_FUNDS,
    "4000002500003155": _ASKS,
    "4000000000003220": _ASKS,
}
