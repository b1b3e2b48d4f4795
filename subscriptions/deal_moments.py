"""The moments at which deals change by the clock alone, or changed while nobody could hear."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import Q

from models.records import Deal


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A deal opens or ends."""

    at: datetime
    deal_id: str


async def moments_between(after: datetime, until: datetime) -> Sequence[Moment]:
    """The openings and endings in (after, until], in their order."""
    rows = await Deal.filter(
        Q(starts_at__gt=after, starts_at__lte=until) | Q(ends_at__gt=after, ends_at__lte=until)
    ).values_list("id", "starts_at", "ends_at")
    return sorted(
        Moment(at, deal_id) for deal_id, *both in rows for at in both if after < at <= until
    )


async def deals_changed_since(moment: datetime) -> Sequence[str]:
    """The deals whose terms were changed since."""
    rows = await Deal.filter(updated_at__gte=moment).values_list("id", flat=True)
    return [str(deal_id) for deal_id in rows]
