"""What can be proved about one deal from Postgres alone: its units, its ledger, its drift."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from kit.ids import is_id
from orders.offer import ReleaseRule
from orders.statements import sql


@dataclass(frozen=True, slots=True)
class SaleReport:
    """One deal in one snapshot. Claimed, paid and refunded are sums over lines of orders."""

    deal_id: str
    allotment: int
    safety_stock: int
    release: ReleaseRule
    claimed: int  # by orders that own their units, the paid ones among them
    paid: int
    refunded: int  # by orders that had been paid
    ledger_entries: int
    ledger_head: str  # SHA-256 as hex
    drift: int  # differences between the stores that are open
    as_of: datetime

    @property
    def unsold(self) -> int:
        """Units on sale that no order claims; never below 0."""
        return max(0, self.allotment - self.claimed)

    @property
    def oversold(self) -> int:
        """Units that orders claim beyond the allotment: 0, or the promise is broken."""
        return max(0, self.claimed - self.allotment)


class SaleReports:
    """Reports deals; reads only."""

    def __init__(self, *, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def of(self, deal_id: str) -> SaleReport | None:
        """The report of a deal as of now, by one statement and so in one snapshot; None: no deal.

        Work in proportion to the deal's orders.
        """
        if not is_id("deal", deal_id):
            return None
        row = await self._pool.fetchrow(sql("sale_report"), deal_id)
        if row is None:
            return None
        return SaleReport(
            deal_id=row["deal_id"],
            allotment=row["allotment"],
            safety_stock=row["safety_stock"],
            release=ReleaseRule(when_sold_out=row["release_when_sold_out"], at=row["release_at"]),
            claimed=row["claimed"],
            paid=row["paid"],
            refunded=row["refunded"],
            ledger_entries=row["ledger_entries"],
            ledger_head=row["ledger_head"].hex(),
            drift=row["drift"],
            as_of=row["as_of"],
        )
