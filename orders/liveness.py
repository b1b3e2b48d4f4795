"""Why a deal takes no holds, told with its present terms."""

from datetime import datetime

from models.records import Deal
from orders.dealbook import DealBook
from orders.errors import DealNotLive, NotFound
from orders.phases import phase_of


async def not_live(dealbook: DealBook, deal_id: str, *, now: datetime) -> DealNotLive | NotFound:
    """The refusal for a deal whose gate is shut, from terms read afresh."""
    dealbook.drop(deal_id)
    deal = await dealbook.get(deal_id)
    return NotFound("deal") if deal is None else not_live_by(deal, now)


def not_live_by(deal: Deal, now: datetime) -> DealNotLive:
    """The refusal for a deal by these terms."""
    return DealNotLive(
        deal.id, phase=phase_of(deal, now), starts_at=deal.starts_at, ends_at=deal.ends_at
    )
