"""The terms of deals, read from Postgres at most once a second for each deal and process."""

import asyncio
from collections.abc import Iterable
from time import monotonic

from models.records import Deal

# Windows, limits and pauses are enforced at the gate; prices are read afresh by checkout. What is
# shown may be this old when the event that drops it was lost.
FRESH_SECONDS = 1.0
MOST_DEALS = 20_000


class DealBook:
    """A cache of deals by id; several readers of one missing deal share one query."""

    def __init__(self) -> None:
        self._deals: dict[str, tuple[float, Deal | None]] = {}
        self._reading: dict[str, asyncio.Task[dict[str, Deal]]] = {}

    async def get(self, deal_id: str) -> Deal | None:
        """The deal, or None when there is none; at most `FRESH_SECONDS` old."""
        return (await self.many([deal_id])).get(deal_id)

    async def many(self, deal_ids: Iterable[str]) -> dict[str, Deal]:
        """Those of the deals that exist, by id, with one query for all that are not fresh."""
        wanted = set(deal_ids)
        found: dict[str, Deal] = {}
        readers: set[asyncio.Task[dict[str, Deal]]] = set()
        missing: list[str] = []
        now = monotonic()
        for deal_id in wanted:
            read_at, deal = self._deals.get(deal_id, (-FRESH_SECONDS, None))
            if now - read_at < FRESH_SECONDS:
                if deal is not None:
                    found[deal_id] = deal
            elif deal_id in self._reading:
                readers.add(self._reading[deal_id])
            else:
                missing.append(deal_id)
        if missing:
            reader = asyncio.create_task(self._read(missing), name="read deals")
            self._reading.update(dict.fromkeys(missing, reader))
            readers.add(reader)
        for reader in readers:
            # Shielded: one caller that gives up must not take the answer from the others.
            answer = await asyncio.shield(reader)
            found.update({id_: deal for id_, deal in answer.items() if id_ in wanted})
        return found

    def drop(self, deal_id: str) -> None:
        """Forget a deal whose terms changed."""
        self._deals.pop(deal_id, None)
        self._reading.pop(deal_id, None)

    def forget_all(self) -> None:
        """Forget every deal: news of some may be missing."""
        self._deals.clear()
        self._reading.clear()

    async def _read(self, deal_ids: list[str]) -> dict[str, Deal]:
        this = asyncio.current_task()
        try:
            found = {deal.id: deal for deal in await Deal.filter(id__in=deal_ids)}
            if len(self._deals) + len(deal_ids) > MOST_DEALS:
                self._deals.clear()
            now = monotonic()
            for deal_id in deal_ids:
                if self._reading.get(deal_id) is this:
                    self._deals[deal_id] = (now, found.get(deal_id))
            return found
        finally:
            for deal_id in deal_ids:
                if self._reading.get(deal_id) is this:
                    del self._reading[deal_id]
