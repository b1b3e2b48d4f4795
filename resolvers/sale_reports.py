"""Reports for operators: what can be proved about a deal."""

from datetime import datetime

import strawberry

from graph.context import Info
from orders.offer import NO_RULE, ReleaseRule
from resolvers.deals import Deal, DealId, find_deal
from resolvers.described import field


@strawberry.type(description="When all withheld units of a live deal go on sale by themselves.")
class SafetyStockRelease:
    when_sold_out: bool = strawberry.field(description="As soon as no unit may be held.")
    at: datetime | None = strawberry.field(description="At this time; null: at none.")

    @classmethod
    def of(cls, rule: ReleaseRule) -> "SafetyStockRelease | None":
        """A deal's rule; None when it has none."""
        return None if rule == NO_RULE else cls(when_sold_out=rule.when_sold_out, at=rule.at)


@strawberry.type(
    description="What can be proved about a deal from the database of orders alone, at one moment."
)
class SaleReport:
    deal: Deal = strawberry.field(description="The deal.")
    allotment: int = strawberry.field(description="Units on sale, sold or not.")
    safety_stock: int = strawberry.field(description="Units withheld besides the allotment.")
    safety_stock_release: SafetyStockRelease | None = strawberry.field(
        description="When they go on sale by themselves; null: never."
    )
    claimed: int = strawberry.field(description="Units of orders, paid or not, by their lines.")
    paid: int = strawberry.field(description="Those of them that are paid.")
    refunded: int = strawberry.field(description="Units of orders that were paid and refunded.")
    unsold: int = strawberry.field(description="Units of the allotment that no order claims.")
    oversold: int = strawberry.field(description="Units claimed beyond the allotment: 0, always.")
    ledger_entries: int = strawberry.field(description="Entries of the deal's ledger.")
    ledger_head: str = strawberry.field(
        description="The hash of the newest entry, in hexadecimal. Keep it elsewhere: with it "
        "an exported ledger shows that it is this one."
    )
    drift: int = strawberry.field(
        description="Differences between the stores that were found and are not repaired."
    )
    as_of: datetime = strawberry.field(description="When all of this was so.")


@strawberry.type
class SaleReportQuery:
    """The operators' queries of deals."""

    @field("What can be proved about a deal; null when there is none of this id. Operators only.")
    async def sale_report(self, info: Info, deal_id: DealId) -> SaleReport | None:
        """Report one deal."""
        await info.context.operator()
        report = await info.context.resources.sale_reports.of(deal_id)
        deal = None if report is None else await find_deal(info, report.deal_id)
        if report is None or deal is None:
            return None
        return SaleReport(
            deal=deal,
            allotment=report.allotment,
            safety_stock=report.safety_stock,
            safety_stock_release=SafetyStockRelease.of(report.release),
            claimed=report.claimed,
            paid=report.paid,
            refunded=report.refunded,
            unsold=report.unsold,
            oversold=report.oversold,
            ledger_entries=report.ledger_entries,
            ledger_head=report.ledger_head,
            drift=report.drift,
            as_of=report.as_of,
        )
