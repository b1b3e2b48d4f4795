"""The environment of the programs: nothing of whoever runs the harness leaks into a sale."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.faults.scenario import SaleShape

ROOT: Final = Path(__file__).parents[2]
STRIPE_API_KEY: Final = "sk_test_flashsale_faults"
_OURS: Final = ("FLASHSALE_", "FAULTS_", "PG", "PYTEST_")

# A sale in which holds lapse and orders expire within the few seconds that a scenario has.
_SETTINGS: Final = {
    "stripe_api_key": STRIPE_API_KEY,
    "stripe_publishable_key": "pk_test_flashsale_faults",
    "stripe_webhook_secret": "whsec_flashsale_faults",
    "secret_key": "a-secret-of-the-fault-harness",
    "hold_seconds": "5",
    "checkout_seconds": "6",
    "payment_seconds": "6",
    "hold_notice_seconds": "2",
    "poll_payment_seconds": "3",
    "intents_per_second": "500",
    "postgres_pool": "8",
    # Buyers of a scenario are few and in a hurry; limits have tests of their own.
    "limit_order_per_second": "50",
    "limit_order_burst": "500",
    "limit_cart_per_second": "50",
}


def plain_environment() -> dict[str, str]:
    """Ours, without what would change a store or the product."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}


def product_environment(shape: SaleShape, addresses: Mapping[str, str]) -> dict[str, str]:
    """What a flashsale program gets; `addresses` are settings, too, and so are the shape's."""
    settings = {**_SETTINGS, **addresses, **shape.settings}
    named = {f"FLASHSALE_{name.upper()}": value for name, value in settings.items()}
    return {**plain_environment(), "PYTHONPATH": str(ROOT), **named, **shape.launch}
