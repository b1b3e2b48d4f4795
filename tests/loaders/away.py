"""A catalogue that is out of reach: a server that hangs up on whoever calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from pymongo import AsyncMongoClient

from runtime.resources import Resources


@asynccontextmanager
async def without_catalogue(resources: Resources) -> AsyncIterator[Resources]:
    async with await asyncio.start_server(_hang_up, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        away: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            f"mongodb://127.0.0.1:{port}/flashsale", serverSelectionTimeoutMS=100
        )
        yield replace(resources, mongo=away.get_default_database())
        await away.close()


def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
