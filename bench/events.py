"""Makes the events of a run: real changes at the gate for ours, the same by POST for a peer.

A process of its own, as another API process or a worker would be: the server under test only
hears of what changed. It is told what to do by lines of JSON.
"""

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import orjson
import uvloop

from bench.gates import Gates
from bench.observer import Observer
from bench.pace import apart
from kit.clock import iso_ms
from kit.log import configure_logs
from kit.settings import load_settings
from runtime.resources import open_resources

_BUYERS: Final = 40
_ALLOTMENT: Final = 1_000
# An order may name ten thousand deals.
_LINE_BYTES: Final = 4 * 2**20


class Posts:
    """Tells peers events of the same shape; versions count on over all of them."""

    def __init__(self) -> None:
        self._versions = itertools.count(1)

    async def post(
        self, *, port: int, deals: list[str], per_second: float, seconds: float
    ) -> dict[str, Any]:
        """Tell one peer of its deals in turn, one event after another."""
        told: dict[str, dict[str, Any]] = {}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Content-Type": "application/json"},
            timeout=60,
        ) as client:

            async def publish(number: int) -> None:
                version = next(self._versions)
                held = version % _BUYERS
                deal = deals[number % len(deals)]
                told[deal] = {
                    "id": deal, "dealId": deal, "allotment": _ALLOTMENT,
                    "available": _ALLOTMENT - held, "held": held, "sold": 0, "level": "AVAILABLE",
                    "epoch": 1, "version": version, "asOf": iso_ms(datetime.now(UTC)),
                }  # fmt: skip
                answer = await client.post("/publish", content=orjson.dumps(told[deal]))
                answer.raise_for_status()

            made = await apart(publish, per_second=per_second, seconds=seconds)
        names = ("epoch", "version", "allotment", "available", "held", "sold")
        finals = {deal: [event[name] for name in names] for deal, event in told.items()}
        return {**made, "finals": finals}


async def _serve() -> None:
    configure_logs("WARNING")
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=_LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with open_resources(load_settings()) as resources:
        gates, posts = Gates(resources), Posts()
        does: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "open": gates.open,
            "change": gates.change,
            "sell_out": gates.sell_out,
            "count": gates.count,
            "observe": Observer(gates).observe,
            "post": posts.post,
        }
        while line := await orders.readline():
            order = orjson.loads(line)
            answer = await does[order["do"]](**order["with"])
            sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(_serve())
