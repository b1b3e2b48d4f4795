"""What changed, told to every process at once: stock, deals, carts, orders, sessions."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
import structlog
from broadcaster import Broadcast
from redis.exceptions import RedisError

log = structlog.get_logger()

CHANNEL: Final = "flashsale"


@dataclass(frozen=True, slots=True)
class StockNews:
    """The news of one deal at one version; `sold` is paid, `held` is not paid yet."""

    deal_id: str
    epoch: int
    version: int
    allotment: int
    available: int
    held: int
    sold: int
    as_of_ms: int


class Announcer:
    """Tells all processes what changed; fails open: a lost message is healed by the next one.

    Stock is conflated per deal to so many changes a second; the first change after a quiet time,
    selling out and coming back on sale go out at once.
    """

    def __init__(self, broadcast: Broadcast, *, changes_per_second: float) -> None:
        self._broadcast = broadcast
        self._pause_seconds = 1 / changes_per_second
        self._latest: dict[str, StockNews] = {}
        self._told: dict[str, tuple[float, bool]] = {}
        self._flushes: dict[str, asyncio.Task[None]] = {}

    async def stock(self, news: StockNews) -> None:
        """Tell the news of one deal, conflated. Older news than known are dropped."""
        known = self._latest.get(news.deal_id)
        if known is not None and (known.epoch, known.version) >= (news.epoch, news.version):
            return
        self._latest[news.deal_id] = news
        told_at, was_sold_out = self._told.get(news.deal_id, (0.0, False))
        loop = asyncio.get_running_loop()
        wait = told_at + self._pause_seconds - loop.time()
        if wait <= 0 or (news.available <= 0) != was_sold_out:
            await self._tell_stock(news)
        elif news.deal_id not in self._flushes:
            self._flushes[news.deal_id] = loop.create_task(
                self._flush(news.deal_id, wait), name=f"flush {news.deal_id}"
            )

    async def repeat(self, news: StockNews) -> None:
        """Tell counters once more, whatever was told before. For the worker's slow heartbeat."""
        await self._tell_stock(news)

    async def deal(self, deal_id: str) -> None:
        """Tell that a deal's terms changed: it was created, edited, paused, resumed or ended."""
        await self._publish({"kind": "deal", "deal_id": deal_id})

    async def cart(self, user_id: str) -> None:
        """Tell that a buyer's cart changed."""
        await self._publish({"kind": "cart", "user_id": user_id})

    async def order(self, user_id: str, order_id: str) -> None:
        """Tell that an order changed its state or its payment."""
        await self._publish({"kind": "order", "user_id": user_id, "order_id": order_id})

    async def session(self, token_hash: bytes) -> None:
        """Tell that a session was revoked: its token and its sockets stop working."""
        await self._publish({"kind": "session", "token_hash": token_hash.hex()})

    async def aclose(self) -> None:
        """Tell what is still held back, then stop."""
        for deal_id, task in list(self._flushes.items()):
            task.cancel()
            await self._tell_stock(self._latest[deal_id])
        self._flushes.clear()

    async def _flush(self, deal_id: str, wait: float) -> None:
        await asyncio.sleep(wait)
        del self._flushes[deal_id]
        await self._tell_stock(self._latest[deal_id])

    async def _tell_stock(self, news: StockNews) -> None:
        now = asyncio.get_running_loop().time()
        self._told[news.deal_id] = (now, news.available <= 0)
        await self._publish({"kind": "stock", **asdict(news)})

    async def _publish(self, message: dict[str, Any]) -> None:
        try:
            await self._broadcast.publish(CHANNEL, orjson.dumps(message).decode())
        except (RedisError, OSError) as error:
            log.warning("announcement_lost", kind=message["kind"], error=repr(error))
