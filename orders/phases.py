"""The phase of a deal, always computed from the server's clock."""

from datetime import datetime, timedelta
from typing import Literal, Protocol

Phase = Literal["SCHEDULED", "LIVE", "PAUSED", "ENDED"]


class Terms(Protocol):
    """What a phase depends on."""

    starts_at: datetime
    ends_at: datetime
    paused_at: datetime | None


def phase_of(deal: Terms, now: datetime) -> Phase:
    """The phase at `now`. A pause hides the opening, the end ends a pause."""
    if now >= deal.ends_at:
        return "ENDED"
    if deal.paused_at is not None:
        return "PAUSED"
    return "SCHEDULED" if now < deal.starts_at else "LIVE"


def seconds_remaining(deal: Terms, now: datetime) -> int:
    """Whole seconds, rounded up: LIVE until the end, SCHEDULED until the start, else 0."""
    match phase_of(deal, now):
        case "LIVE":
            left = deal.ends_at - now
        case "SCHEDULED":
            left = deal.starts_at - now
        case _:
            return 0
    return -int(-left.total_seconds() // 1)


def next_change(deal: Terms, now: datetime) -> datetime | None:
    """When the clock alone changes the phase next; None when it never will."""
    match phase_of(deal, now):
        case "SCHEDULED":
            return deal.starts_at
        case "LIVE" | "PAUSED":
            return deal.ends_at
        case "ENDED":
            return None


def next_second(deal: Terms, now: datetime) -> datetime | None:
    """When `seconds_remaining` is another number; None when it stays 0."""
    left = seconds_remaining(deal, now)
    if left == 0:
        return None
    target = deal.ends_at if phase_of(deal, now) == "LIVE" else deal.starts_at
    return target - timedelta(seconds=left - 1)
