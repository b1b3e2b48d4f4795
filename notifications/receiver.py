"""What else in a process wants to know of changes, besides those who subscribed."""

from typing import Protocol


class Receiver(Protocol):
    """Something that remembers, and must forget in time. Never waits, never raises."""

    def stock_changed(self, deal_id: str, epoch: int, version: int, available: int, /) -> None:
        """The stock of a deal changed. Messages may come twice, or in another order."""

    def deal_changed(self, deal_id: str, /) -> None:
        """The terms of a deal changed, or its product did."""

    def product_changed(self, product_id: str, /) -> None:
        """A product was edited or deleted."""

    def forget_all(self) -> None:
        """Messages may be missing: nothing that is remembered can be relied on."""
