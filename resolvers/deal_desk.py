"""The operator's desk for deals: they are opened, changed, stopped and taken away."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from graph.context import Info
from orders.errors import NotFound as NoSuchDeal
from orders.offer import NO_RULE, NewDeal, ReleaseRule
from resolvers.deals import Deal, DealId, find_deal
from resolvers.described import mutation
from resolvers.money import MoneyInput
from resolvers.product_desk import Deleted, DeleteResult
from resolvers.refusals import InvalidInput, NotFound, TryLater


@strawberry.type(description="The deal as it is now.")
class DealSaved:
    deal: Deal = strawberry.field(description="The deal.")


DealResult: TypeAlias = Annotated[
    DealSaved | InvalidInput | NotFound | TryLater,
    strawberry.union("DealResult", description="The deal, or why not."),
]


@strawberry.input(
    description="When all withheld units of a live deal go on sale by themselves; neither: never."
)
class SafetyStockReleaseInput:
    when_sold_out: bool = strawberry.field(
        default=False, description="As soon as no unit may be held, be it for a moment."
    )
    at: datetime | None = strawberry.field(
        default=None, description="At this time, before the deal ends; null: at none."
    )

    def rule(self) -> ReleaseRule:
        """The rule as the desk takes it."""
        return ReleaseRule(when_sold_out=self.when_sold_out, at=self.at)


@strawberry.input(description="A new deal.")
class CreateDealInput:
    product_id: strawberry.ID = strawberry.field(description="What is sold.")
    title: str = strawberry.field(description="1 to 200 characters.")
    price: MoneyInput = strawberry.field(description="What a unit costs in this deal.")
    list_price: MoneyInput = strawberry.field(description="Otherwise; not below the price.")
    starts_at: datetime = strawberry.field(description="In the past: live at once.")
    ends_at: datetime = strawberry.field(description="After the start.")
    allotment: int = strawberry.field(description="Units given to the deal.")
    safety_stock: int = strawberry.field(
        default=0, description="Units withheld from sale, besides the allotment."
    )
    purchase_limit: int = strawberry.field(
        default=2, description="The most units one buyer may hold and buy."
    )
    safety_stock_release: SafetyStockReleaseInput | None = strawberry.field(
        default=None, description="Null: withheld units wait for releaseSafetyStock."
    )


@strawberry.input(description="Changes to a deal; what is left out or null stays.")
class UpdateDealInput:
    deal_id: strawberry.ID = strawberry.field(description="The deal.")
    title: str | None = strawberry.field(default=None, description="1 to 200 characters.")
    price: MoneyInput | None = strawberry.field(
        default=None, description="Checkouts keep the price that they fixed."
    )
    list_price: MoneyInput | None = strawberry.field(
        default=None, description="Not below the price."
    )
    starts_at: datetime | None = strawberry.field(default=None, description="When it opens.")
    ends_at: datetime | None = strawberry.field(default=None, description="When it closes.")
    purchase_limit: int | None = strawberry.field(
        default=None, description="The most units one buyer may hold and buy."
    )
    safety_stock_release: SafetyStockReleaseInput | None = strawberry.field(
        default=None, description="The whole rule; {} withholds until releaseSafetyStock."
    )


@strawberry.input(description="Gives a deal more units, or takes back what nobody holds.")
class AdjustStockInput:
    deal_id: strawberry.ID = strawberry.field(description="The deal.")
    delta: int = strawberry.field(description="Units more; below 0: units less.")
    reason: str = strawberry.field(description="For the ledger, 1 to 500 characters.")


@strawberry.type
class DealDeskMutation:
    """The operators' mutations of deals."""

    @mutation("Open a deal. Operators only.")
    async def create_deal(
        self,
        info: Info,
        given: Annotated[
            CreateDealInput, strawberry.argument(name="input", description="The deal.")
        ],
    ) -> DealResult:
        """Create a deal and open its gate."""
        operator = await info.context.operator()
        new = NewDeal(
            product_id=given.product_id,
            title=given.title,
            price=given.price.amount(),
            list_price=given.list_price.amount(),
            starts_at=given.starts_at,
            ends_at=given.ends_at,
            allotment=given.allotment,
            safety_stock=given.safety_stock,
            purchase_limit=given.purchase_limit,
            release=rule.rule() if (rule := given.safety_stock_release) else NO_RULE,
        )
        created = await info.context.resources.dealdesk.create(new, actor=operator.user_id)
        return await _saved(info, created)

    @mutation("Change a deal. Operators only.")
    async def update_deal(
        self,
        info: Info,
        given: Annotated[
            UpdateDealInput, strawberry.argument(name="input", description="What changes.")
        ],
    ) -> DealResult:
        """Change what is given of a deal."""
        await info.context.operator()
        updated = await info.context.resources.dealdesk.update(
            given.deal_id,
            title=given.title,
            price=None if given.price is None else given.price.amount(),
            list_price=None if given.list_price is None else given.list_price.amount(),
            starts_at=given.starts_at,
            ends_at=given.ends_at,
            purchase_limit=given.purchase_limit,
            release=rule.rule() if (rule := given.safety_stock_release) else None,
        )
        return await _saved(info, updated)

    @mutation("Take a deal off sale for a while; holds stay. Operators only.")
    async def pause_deal(self, info: Info, deal_id: DealId) -> DealResult:
        """Take a deal off sale."""
        await info.context.operator()
        return await _saved(info, await info.context.resources.dealdesk.pause(deal_id))

    @mutation("Put a paused deal back on sale. Operators only.")
    async def resume_deal(self, info: Info, deal_id: DealId) -> DealResult:
        """Put a deal back on sale."""
        await info.context.operator()
        return await _saved(info, await info.context.resources.dealdesk.resume(deal_id))

    @mutation("End a deal now; frozen checkouts may still be placed. Operators only.")
    async def end_deal(self, info: Info, deal_id: DealId) -> DealResult:
        """End a deal."""
        await info.context.operator()
        return await _saved(info, await info.context.resources.dealdesk.end(deal_id))

    @mutation("Delete a deal without orders. Operators only.")
    async def delete_deal(self, info: Info, deal_id: DealId) -> DeleteResult:
        """Delete a deal."""
        await info.context.operator()
        deleted = await info.context.resources.dealdesk.delete(deal_id)
        info.context.loaders.forget()
        return Deleted(id=strawberry.ID(deleted))

    @mutation(
        "Give a deal more units, or take back what nobody holds; never below what is held "
        "and sold. Operators only."
    )
    async def adjust_stock(
        self,
        info: Info,
        given: Annotated[
            AdjustStockInput, strawberry.argument(name="input", description="How many, and why.")
        ],
    ) -> DealResult:
        """Change a deal's allotment."""
        operator = await info.context.operator()
        adjusted = await info.context.resources.restocking.adjust_stock(
            given.deal_id, given.delta, reason=given.reason, actor=operator.user_id
        )
        return await _saved(info, adjusted)

    @mutation("Put withheld units on sale, at most what is withheld. Operators only.")
    async def release_safety_stock(
        self,
        info: Info,
        deal_id: DealId,
        units: Annotated[int, strawberry.argument(description="How many, at least 1.")],
    ) -> DealResult:
        """Move units from the safety stock to the allotment."""
        operator = await info.context.operator()
        released = await info.context.resources.safety_stock.release(
            deal_id, units, actor=operator.user_id
        )
        return await _saved(info, released)


async def _saved(info: Info, deal_id: str) -> DealSaved:
    info.context.loaders.forget()
    deal = await find_deal(info, deal_id)
    if deal is None:
        raise NoSuchDeal("deal")
    return DealSaved(deal=deal)
