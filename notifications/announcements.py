"""What changed, told to every process at once: stock, deals, carts, orders, sessions."""

import asyncio
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
import structlog
from broadcaster import Broadcast
from redis.exceptions import RedisError

from notifications.conflation import Conflation
from notifications.receiver import Receiver

log = structlog.get_logger()

CHANNEL: Final = "flashsale"

# Messages that may wait while Redis is slow: some seconds of a busy process. The oldest goes first.
MOST_WAITING: Final = 10_000
# After a message was lost, others are told that one is missing as soon as one gets through again.
AGAIN_SECONDS: Final = 0.5
# In one message; some 40 KiB.
TOGETHER: Final = 200


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
    """Tells all processes what changed; fails open: of a lost message they hear that it is missing.

    Never waits for Redis: what is told goes out together, in one message for all that came
    meanwhile. Stock is conflated per deal to so many changes a second; the first change after a
    quiet time, selling out and coming back on sale go out at once.
    """

    def __init__(self, broadcast: Broadcast, *, changes_per_second: float) -> None:
        self._broadcast = broadcast
        self._latest: dict[str, StockNews] = {}
        self._was_sold_out: dict[str, bool] = {}
        self._conflation = Conflation(self._tell_stock, per_second=changes_per_second)
        self._near: list[Receiver] = []
        self._outbox: deque[dict[str, Any]] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._lost = False
        self._again: asyncio.TimerHandle | None = None

    def also_tell(self, receiver: Receiver) -> None:
        """Tell somebody in this process, too, and at once: it sees its own changes first."""
        self._near.append(receiver)

    def stock(self, news: StockNews) -> None:
        """Tell the news of one deal, conflated. Older news than known are dropped."""
        known = self._latest.get(news.deal_id)
        if known is not None and (known.epoch, known.version) >= (news.epoch, news.version):
            return
        self._latest[news.deal_id] = news
        for receiver in self._near:
            receiver.stock_changed(news.deal_id, news.epoch, news.version, news.available)
        turned = (news.available <= 0) != self._was_sold_out.get(news.deal_id, False)
        self._conflation.offer(news.deal_id, news, urgent=turned)

    def repeat(self, news: StockNews) -> None:
        """Tell counters once more, whatever was told before. For the worker's slow heartbeat."""
        self._tell_stock(news.deal_id, news)

    def deal(self, deal_id: str) -> None:
        """Tell that a deal's terms changed: it was created, edited, paused, resumed or ended."""
        for receiver in self._near:
            receiver.deal_changed(deal_id)
        self._publish({"kind": "deal", "deal_id": deal_id})

    def product(self, product_id: str) -> None:
        """Tell that a product was edited or deleted; its deals are told of one by one."""
        for receiver in self._near:
            receiver.product_changed(product_id)
        self._publish({"kind": "product", "product_id": product_id})

    def cart(self, user_id: str) -> None:
        """Tell that a buyer's cart changed."""
        self._publish({"kind": "cart", "user_id": user_id})

    def order(self, user_id: str, order_id: str) -> None:
        """Tell that an order changed its state or its payment."""
        self._publish({"kind": "order", "user_id": user_id, "order_id": order_id})

    def session(self, token_hash: bytes) -> None:
        """Tell that a session was revoked: its token and its sockets stop working."""
        self._publish({"kind": "session", "token_hash": token_hash.hex()})

    async def aclose(self) -> None:
        """Tell what is still held back, then stop."""
        if self._again is not None:
            self._again.cancel()
        self._conflation.flush()
        await self.settle()

    async def settle(self) -> None:
        """Wait until all that was told so far is out, or lost; not for what is held back."""
        if self._sending is not None:
            await asyncio.shield(self._sending)

    def _tell_stock(self, deal_id: str, news: StockNews) -> None:
        self._was_sold_out[deal_id] = news.available <= 0
        self._publish({"kind": "stock", **asdict(news)})

    def _publish(self, message: dict[str, Any]) -> None:
        if len(self._outbox) >= MOST_WAITING:
            self._lose([self._outbox.popleft()], "too many wait for Redis")
        self._outbox.append(message)
        self._begin()

    def _begin(self) -> None:
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(), name="announcements")

    async def _send(self) -> None:
        """Publish what waits, and what comes meanwhile; in order."""
        try:
            while self._outbox or self._lost:
                together = [self._outbox.popleft() for _ in range(min(TOGETHER, len(self._outbox)))]
                # Before the rest: who hears it forgets what it remembers, and then hears the rest.
                told = [{"kind": "missed"}, *together] if self._lost else together
                try:
                    await self._broadcast.publish(CHANNEL, orjson.dumps(told).decode())
                except (RedisError, OSError) as error:
                    self._lose(together, repr(error))
                    if not self._outbox:
                        break
                else:
                    self._lost = False
        finally:
            self._sending = None

    def _lose(self, messages: list[dict[str, Any]], why: str) -> None:
        """What others remember may be wrong from here on: they are told as soon as possible."""
        kinds = sorted({message["kind"] for message in messages})
        log.warning("announcement_lost", kinds=kinds, error=why)
        self._lost = True
        if self._again is None:
            self._again = asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._again = None
        if self._lost:
            self._again = asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._try_again)
            self._begin()
