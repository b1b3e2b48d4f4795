"""A deal's ledger as lines of JSON, for checking it where there is no server."""

from collections.abc import AsyncGenerator
from datetime import UTC

import asyncpg
import orjson

from kit.ids import is_id
from orders.errors import NotFound
from orders.ledger import Entry
from orders.proof import ROWS_AT_A_TIME
from orders.statements import sql


async def export_ledger(pool: asyncpg.Pool, deal_id: str) -> AsyncGenerator[bytes, None]:
    """A header with the deal's counters and the chain's head, then an entry a line, oldest first.

    In one snapshot, streamed: memory does not grow with the ledger. An entry has all that its hash
    covers; docs/check_ledger.py reads the lines and needs nothing else of ours. Holds a connection
    until it is closed.

    Raises:
        NotFound: there is no such deal; before the first line.
    """
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        deal = (
            await connection.fetchrow(sql("deal_counters"), deal_id)
            if is_id("deal", deal_id)
            else None
        )
        if deal is None:
            raise NotFound("deal")
        header = {
            "ledger": deal_id,
            "allotment": deal["allotment"],
            "claimed": deal["claimed"],
            "sold": deal["sold"],
            "safety_stock": deal["safety_stock"],
            "entries": deal["ledger_seq"],
            "head": deal["ledger_head"].hex(),
            "as_of": deal["as_of"].astimezone(UTC).isoformat(timespec="microseconds"),
        }
        yield orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE)
        cursor = connection.cursor(
            "SELECT * FROM stock_ledger WHERE deal_id = $1 ORDER BY seq",
            deal_id,
            prefetch=ROWS_AT_A_TIME,
        )
        async for row in cursor:
            line = Entry.read(row).covered() | {"hash": row["hash"].hex()}
            yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
