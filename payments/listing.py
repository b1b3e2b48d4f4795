"""Finds an order's intents in the provider's list, one reading for all who wait."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from payments.errors import ListingTooLong
from payments.gateway import Intent

# The provider stamps intents by its own clock, which may be behind ours.
CLOCK_SLACK: Final = timedelta(minutes=5)
# 50,000 intents: half an hour of a provider's default limit of 25 a second.
MOST_PAGES: Final = 500


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the provider's list, newest first."""

    intents: list[Intent]
    more: bool


ReadPage = Callable[[datetime, str | None], Awaitable[Page]]
"""(created since, id of the last intent of the page before) -> the next page."""


@dataclass(slots=True)
class _Round:
    """A reading of the list that has not begun: whoever comes now may still join it."""

    since: datetime
    wanted: set[str] = field(default_factory=set)
    done: asyncio.Task[dict[str, list[Intent]]] | None = None


class IntentListing:
    """Reads the list by rounds, since it cannot be asked for one order.

    When a thousand orders expire together, each would read the same hundred pages. A call joins
    the round that begins next, never one under way: what it finds is no older than the call.
    """

    def __init__(self, read_page: ReadPage) -> None:
        self._read_page = read_page
        self._reading = asyncio.Lock()
        self._next: _Round | None = None

    async def intents_of(self, order_id: str, since: datetime) -> list[Intent]:
        """All intents of an order created since a moment, oldest first.

        Raises:
            ListingTooLong: there are more pages than the bound; nothing may be concluded.
            ProviderUnreachable: some page did not come; repeat.
        """
        since -= CLOCK_SLACK
        joined = self._next
        if joined is None:
            joined = self._next = _Round(since)
            joined.done = asyncio.create_task(self._read(joined))
            # All callers may have given up by the time it fails.
            joined.done.add_done_callback(lambda task: task.cancelled() or task.exception())
        joined.since = min(joined.since, since)
        joined.wanted.add(order_id)
        assert joined.done is not None
        # Shielded: one caller who gives up does not end the round for the others.
        found = await asyncio.shield(joined.done)
        return list(found.get(order_id, ()))

    async def pages_since(
        self, since: datetime, *, most_pages: int
    ) -> AsyncIterator[Sequence[Intent]]:
        """The intents created since a moment, newest first, a page at a time.

        Raises:
            ListingTooLong: there are more pages than `most_pages`; those were handed out.
            ProviderUnreachable: some page did not come; repeat.
        """
        after: str | None = None
        for _ in range(most_pages):
            page = await self._read_page(since - CLOCK_SLACK, after)
            yield page.intents
            if not page.more:
                return
            after = page.intents[-1].id
        raise ListingTooLong(f"more than {most_pages} pages since {since.isoformat()}")

    async def _read(self, this: _Round) -> dict[str, list[Intent]]:
        async with self._reading:
            self._next = None
            found: defaultdict[str, list[Intent]] = defaultdict(list)
            after: str | None = None
            for _ in range(MOST_PAGES):
                page = await self._read_page(this.since, after)
                for intent in page.intents:
                    if intent.order_id in this.wanted:
                        assert intent.order_id is not None
                        found[intent.order_id].insert(0, intent)
                if not page.more:
                    return dict(found)
                after = page.intents[-1].id
            raise ListingTooLong(f"more than {MOST_PAGES} pages since {this.since.isoformat()}")
