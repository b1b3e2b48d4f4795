"""What is expected of a sale, and how much of each kind that is in a second."""

from dataclasses import dataclass
from typing import Final

from bench.headline.zipf import shares

# The list shows as many deals, the most wanted ones.
LISTED_DEALS: Final = 20
# Of the benchmark's headline: 48 lists to 47 pages of a deal.
LIST_SHARE_OF_READS: Final = 48 / 95
_ROUNDING: Final = 1e-6


class Nonsense(ValueError):
    """These expectations contradict each other; the message says how, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The sale that is expected. Without anything given, it is the design document's.

    `reads`, `adds` and `orders` are shares of all requests; half of the last are checkouts, half
    placed orders. `sold_out` is the share of adds that come too late. `stock_changes_per_second`
    is over all deals at the surge; None: each add that is no refusal is a change.
    """

    requests: int = 10_000_000
    minutes: float = 15.0
    surge: float = 2.0
    reads: float = 0.95
    adds: float = 0.04
    orders: float = 0.01
    sold_out: float = 0.5
    sockets: int = 10_000
    connections: int = 4_000
    deals: int = 1_000
    stock_changes_per_second: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            Nonsense: and why.
        """
        total = self.reads + self.adds + self.orders
        if abs(total - 1.0) > _ROUNDING:
            raise Nonsense(
                f"reads, adds and orders are shares of all requests: together 1, not {total:g}."
            )
        if self.orders / 2 > self.adds * (1 - self.sold_out) + _ROUNDING:
            raise Nonsense(
                f"half of orders ({self.orders / 2:g}) are placed, which is more than the adds that"
                f" get a unit ({self.adds * (1 - self.sold_out):g})."
            )
        if self.connections + self.sockets == 0:
            raise Nonsense("nobody can ask anything without connections or sockets.")

    @property
    def average_per_second(self) -> float:
        """Requests a second over the whole sale."""
        return self.requests / (60 * self.minutes)

    @property
    def placed_orders(self) -> float:
        """Orders of the whole sale."""
        return self.requests * self.orders / 2

    @property
    def holds(self) -> float:
        """Adds of the whole sale that got their unit."""
        return self.requests * self.adds * (1 - self.sold_out)

    def rates(self, factor: float) -> "Rates":
        """So many times the average, each second."""
        per_second = self.average_per_second * factor
        accepted = per_second * self.adds * (1 - self.sold_out)
        changes = self.stock_changes_per_second
        return Rates(
            requests=per_second,
            lists=per_second * self.reads * LIST_SHARE_OF_READS,
            details=per_second * self.reads * (1 - LIST_SHARE_OF_READS),
            accepted_adds=accepted,
            refusals=per_second * self.adds * self.sold_out,
            checkouts=per_second * self.orders / 2,
            orders=per_second * self.orders / 2,
            stock_changes=accepted if changes is None else changes * factor / self.surge,
        )

    @property
    def shares_of_deals(self) -> list[float]:
        """How wanted each deal is: the k-th 1/k as often as the first."""
        return shares(self.deals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How many of each kind there are in a second."""

    requests: float
    lists: float
    details: float
    accepted_adds: float
    refusals: float
    checkouts: float
    orders: float
    stock_changes: float

    @property
    def reads(self) -> float:
        """Lists and pages of a deal."""
        return self.lists + self.details
