"""countdown: the seconds that a deal has left, by the server's clock."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime
from typing import Final

import strawberry

from graph.context import ApiError, Info
from kit.ids import is_id
from models import records
from orders.dealbook import DealBook
from orders.phases import next_change, phase_of, seconds_remaining
from resolvers.deals import DealId, DealPhase
from resolvers.described import subscription
from subscriptions.patience import OUTAGES

# The contract says every ten seconds; a message may be late on its way.
BEAT_SECONDS: Final = 5.0
# Asyncio's timers and the wall clock may differ by this much.
_TIMER_SECONDS: Final = 0.001
# With the beat before it still less than ten seconds.
_READ_SECONDS: Final = 3.0


@strawberry.type(description="How long a deal goes on. Count down from it until the next comes.")
class Countdown:
    deal_id: strawberry.ID = strawberry.field(description="The deal.")
    phase: DealPhase = strawberry.field(description="By the server's clock.")
    server_time: datetime = strawberry.field(
        description="The server's clock: subtract it, and a wrong clock of yours does not matter."
    )
    starts_at: datetime = strawberry.field(description="When it opens.")
    ends_at: datetime = strawberry.field(description="When it closes.")
    seconds_remaining: int = strawberry.field(
        description="LIVE: until endsAt; SCHEDULED: until startsAt; else 0. Rounded up."
    )

    @classmethod
    def of(cls, deal: records.Deal, now: datetime) -> "Countdown":
        """What a deal has left at `now`."""
        return cls(
            deal_id=strawberry.ID(deal.id),
            phase=DealPhase[phase_of(deal, now)],
            server_time=now,
            starts_at=deal.starts_at,
            ends_at=deal.ends_at,
            seconds_remaining=seconds_remaining(deal, now),
        )


@strawberry.type
class CountdownSubscription:
    """The subscription to a deal's time."""

    @subscription(
        "At once, at every change of phase or of times, and at least every 10 s.",
        shared="EVERYBODY",
    )
    async def countdown(self, info: Info, deal_id: DealId) -> AsyncGenerator[Countdown, None]:
        """Push the time that is left until the client has had enough, or the deal is deleted."""
        clock, dealbook = info.context.resources.clock, info.context.resources.dealbook
        asked_at = _ask(info, deal_id)
        deal = await dealbook.get(deal_id) if is_id("deal", deal_id) else None
        if deal is None:
            raise ApiError("NOT_FOUND", "There is no such deal.")
        with info.context.hub.watch_deal(deal_id) as changes:
            while deal is not None:
                yield Countdown.of(deal, clock.now())
                if info.context.present_only:
                    return
                # Whoever was told of a later moment than `asked_at` was spared this one.
                change = next_change(deal, asked_at)
                wait = BEAT_SECONDS
                if change is not None:
                    until = (change - clock.now()).total_seconds() + _TIMER_SECONDS
                    wait = min(wait, until)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await changes.take()
                asked_at = _ask(info, deal_id)
                deal = await _again(dealbook, deal)


def _ask(info: Info, deal_id: str) -> datetime:
    """Mark the moment before a deal is read, by which one countdown is newer than another."""
    info.context.tell_of(deal_id)
    return info.context.resources.clock.now()


async def _again(dealbook: DealBook, known: records.Deal) -> records.Deal | None:
    """The deal as it is now; while Postgres is out of reach, as it was: time goes on."""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            return await dealbook.get(known.id)
    except OUTAGES:
        return known
