"""The counters of deals as anybody may see them, from the gate, else the best that is known."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import asyncpg
import structlog
from redis.exceptions import RedisError

from inventory.stock import Counters, Stock
from kit.clock import from_ms

log = structlog.get_logger()

Level = Literal["AVAILABLE", "LOW", "SOLD_OUT"]

# A tenth of the allotment, or the last five: the point at which a buyer should hurry.
_LOW_SHARE = 10
_LOW_UNITS = 5


@dataclass(frozen=True, slots=True)
class StockView:
    """allotment = available + held + sold, at one version; `as_of` tells how old it is."""

    deal_id: str
    allotment: int
    available: int
    held: int
    sold: int
    epoch: int
    version: int
    as_of: datetime
    is_makeshift: bool = False
    """The gate could not be asked: it is the best that is known, for this moment alone."""

    @property
    def order(self) -> tuple[int, int]:
        """Later views have a higher one."""
        return self.epoch, self.version


class StockBoard:
    """Reads counters for display; fails open: the last known counters with their old time.

    A gate that is missing is not seeded by a reader; Postgres tells what was claimed and sold,
    under version 0 of its epoch, so that nothing newer is ever replaced by it.
    """

    def __init__(self, *, stock: Stock, pool: asyncpg.Pool) -> None:
        self._stock = stock
        self._pool = pool

    async def many(self, deal_ids: Iterable[str]) -> dict[str, StockView]:
        """The counters of each of these deals that exists."""
        wanted = list(dict.fromkeys(deal_ids))
        if not wanted:
            return {}
        try:
            answers = await self._stock.read(wanted)
        except (RedisError, OSError) as error:
            log.warning("stock_from_postgres", error=repr(error))
            known = await self._from_postgres(wanted)
            return {id_: replace(view, is_makeshift=True) for id_, view in known.items()}
        found = {id_: view_of(counters) for id_, counters in answers.items() if counters}
        missing = [deal_id for deal_id in wanted if deal_id not in found]
        if missing:
            found.update(await self._from_postgres(missing))
        return found

    async def _from_postgres(self, deal_ids: list[str]) -> dict[str, StockView]:
        rows = await self._pool.fetch(
            "SELECT s.deal_id, s.allotment, s.claimed, s.sold, s.updated_at, d.epoch"
            "  FROM deal_stock s JOIN deals d ON d.id = s.deal_id"
            " WHERE s.deal_id = ANY ($1::text[])",
            deal_ids,
        )
        return {
            row["deal_id"]: StockView(
                deal_id=row["deal_id"],
                allotment=row["allotment"],
                available=row["allotment"] - row["claimed"],
                held=row["claimed"] - row["sold"],
                sold=row["sold"],
                epoch=row["epoch"],
                version=0,
                as_of=row["updated_at"].astimezone(UTC),
            )
            for row in rows
        }


def view_of(counters: Counters) -> StockView:
    """The public view of what a script answered."""
    return StockView(
        deal_id=counters.deal_id,
        allotment=counters.allotment,
        available=counters.available,
        held=counters.held,
        sold=counters.committed,
        epoch=counters.epoch,
        version=counters.version,
        as_of=from_ms(counters.as_of_ms),
    )


def level_of(view: StockView) -> Level:
    """AVAILABLE, LOW or SOLD_OUT, by what may be held now."""
    if view.available <= 0:
        return "SOLD_OUT"
    if view.available <= max(_LOW_UNITS, view.allotment // _LOW_SHARE):
        return "LOW"
    return "AVAILABLE"
