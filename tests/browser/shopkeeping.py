"""Deals, buyers and operators of a running sale, made through its API."""

import secrets
from dataclasses import dataclass
from typing import Any

from tests.journey.client import Api
from tests.journey.test_journey import OPERATOR, in_, new_buyer, signed_in


@dataclass
class Shopkeeper:
    """An operator at the API, who signed in once."""

    operator: Api

    async def deal(self, title: str = "", **terms: Any) -> dict[str, Any]:
        """A deal of one test's own, live at once unless told otherwise."""
        title = title or f"Kettle {secrets.token_hex(3)}"
        saved = await self.operator.run(
            "CreateProduct",
            input={
                "sku": secrets.token_hex(8),
                "name": "Copper kettle",
                "description": "Sings when it is ready.",
                "category": "Kitchen",
                "attributes": [{"name": "Volume", "value": "1.5 l"}],
            },
        )
        created = await self.operator.run(
            "CreateDeal",
            input={
                "productId": saved["product"]["id"],
                "title": title,
                "price": {"amountMinor": 4_990, "currency": "USD"},
                "listPrice": {"amountMinor": 9_900, "currency": "USD"},
                "startsAt": in_(minutes=-1),
                "endsAt": in_(hours=1),
                "allotment": 5,
                "purchaseLimit": 2,
                **terms,
            },
        )
        assert created["__typename"] == "DealSaved", created
        return {"title": title, **created["deal"]}

    async def buyer(self) -> Api:
        """Somebody new, with a session."""
        buyer = await new_buyer(self.operator.as_(None))
        assert buyer.token is not None
        return buyer


async def open_shop(api: Api) -> Shopkeeper:
    return Shopkeeper(await signed_in(api, OPERATOR))
