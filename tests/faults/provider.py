"""The sandbox's controls: its faults, its books, and what a merchant's secret key can do."""

from types import TracebackType
from typing import Any, Self

import httpx

from tests.faults.evidence import Row, Where

_ANSWER_SECONDS = 30.0


class Provider:
    """The sandbox, by its own address."""

    def __init__(self, where: Where) -> None:
        self._http = httpx.AsyncClient(
            base_url=where.sandbox,
            headers={"authorization": f"Bearer {where.sandbox_key}"},
            timeout=_ANSWER_SECONDS,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def fault(self, **faults: Any) -> None:
        """Begin some faults, in addition to those that are on; see sandbox/faults.py."""
        (await self._http.post("/sandbox/faults", json=faults)).raise_for_status()

    async def heal(self) -> None:
        """Stop all faults."""
        (await self._http.delete("/sandbox/faults")).raise_for_status()

    async def forget_keys(self) -> None:
        """Forget every idempotency key, as after a day."""
        (await self._http.post("/sandbox/forget_keys")).raise_for_status()

    async def books(self) -> dict[str, list[Row]]:
        """All intents, charges, refunds, events and deliveries."""
        answer = await self._http.get("/sandbox/ledger")
        answer.raise_for_status()
        books: dict[str, list[Row]] = answer.json()
        return books

    async def charge(self, *, user_id: str, order_id: str, amount_minor: int, currency: str) -> str:
        """Capture money for an order with an intent that the product did not open; its id."""
        answer = await self._http.post(
            "/v1/payment_intents",
            data={
                "amount": str(amount_minor),
                "currency": currency.lower(),
                "metadata[order_id]": order_id,
                "metadata[user_id]": user_id,
                "payment_method": "pm_card_visa",
                "confirm": "true",
            },
        )
        answer.raise_for_status()
        intent: dict[str, Any] = answer.json()
        assert intent["status"] == "succeeded", intent
        return str(intent["id"])
