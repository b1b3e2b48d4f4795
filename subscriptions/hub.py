"""The hub of a process: one reader of what changed, and everybody who waits for it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from typing import Any, Final, Self

import orjson
import structlog
from broadcaster import Broadcast

from auth.sessions import Sessions
from kit.broadcast import GAP
from kit.clock import Clock
from notifications.announcements import CHANNEL
from notifications.conflation import Conflation
from notifications.receiver import Receiver
from orders.dealbook import DealBook
from orders.stockboard import StockBoard, StockView
from subscriptions.deal_moments import deals_changed_since, moments_between
from subscriptions.mailbox import Audience, Mailbox
from subscriptions.news import order_key, view_of_news
from subscriptions.supervision import supervise

log = structlog.get_logger()

# The backend confirms its subscription within two seconds, or goes on without Redis.
START_SECONDS: Final = 5.0
# How far ahead openings and endings are read.
HORIZON: Final = timedelta(seconds=10)
# Messages of this age may have been lost before the loss was noticed.
SLACK: Final = timedelta(seconds=10)
# Asyncio's timers and the wall clock may differ by this much.
TIMER_SECONDS: Final = 0.001
BATCH: Final = 500

_ALL: Final = "*"


class Hub:
    """Reads announcements once, and leaves the newest of each thing with those who watch it.

    Memory is bounded by what is watched: nothing is queued, and nothing is kept of a thing that
    nobody watches. After a gap everybody reads anew.
    """

    def __init__(
        self,
        *,
        broadcast: Broadcast,
        stockboard: StockBoard,
        dealbook: DealBook,
        sessions: Sessions,
        clock: Clock,
        on_session_ended: Callable[[bytes], None],
        stock_changes_per_second: float,
        receivers: Sequence[Receiver] = (),
    ) -> None:
        self._broadcast = broadcast
        self._stockboard = stockboard
        self._dealbook = dealbook
        self._sessions = sessions
        self._clock = clock
        self._on_session_ended = on_session_ended
        self._receivers = receivers
        self._stocks: Audience[StockView] = Audience()
        self._deals: Audience[str] = Audience()
        self._carts: Audience[None] = Audience()
        self._orders: Audience[None] = Audience()
        self._latest: dict[str, StockView] = {}
        self._told_stocks = Conflation(self._stocks.tell, per_second=stock_changes_per_second)
        self._heard_at = clock.now()
        self._missing_since: datetime | None = None
        # Openings and endings until here have been told; it stands still while Postgres is away.
        self._followed_until = clock.now()
        self._listening = asyncio.Event()
        self._gap = asyncio.Event()
        self._clock_matters = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        works = (self._listen, self._heal, self._follow_clock)
        self._tasks = [
            asyncio.create_task(supervise(work), name=f"hub{work.__name__}") for work in works
        ]
        try:
            await asyncio.wait_for(self._listening.wait(), START_SECONDS)
        except TimeoutError:
            log.warning("hub_starts_deaf", waited_seconds=START_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._told_stocks.forget_all()

    @property
    def known_stocks(self) -> int:
        """How many deals' stock is kept: of those that somebody watches."""
        return max(len(self._latest), len(self._told_stocks))

    @property
    def watches(self) -> int:
        """How many things are watched, by whomever."""
        audiences = (self._stocks, self._deals, self._carts, self._orders)
        return sum(len(audience.watched()) for audience in audiences)

    async def watch_stock(self, deal_ids: Sequence[str]) -> AsyncGenerator[StockView, None]:
        """The present stock of each deal that exists, then newer stock only.

        A slow reader gets the newest stock of each deal, and skips what was in between.
        """
        try:
            with self._stocks.watch(deal_ids) as mailbox:
                for view in (await self._stockboard.many(deal_ids)).values():
                    self._offer(view)
                    mailbox.put(view.deal_id, self._latest[view.deal_id])
                while True:
                    yield await mailbox.take()
        finally:
            for deal_id in deal_ids:
                if deal_id not in self._stocks:
                    self._latest.pop(deal_id, None)
                    self._told_stocks.forget(deal_id)

    async def present_stock(self, deal_ids: Sequence[str]) -> AsyncGenerator[StockView, None]:
        """The present stock of each deal that exists, and no more."""
        for view in (await self._stockboard.many(deal_ids)).values():
            self._offer_if_watched(view)
            yield self._latest.get(view.deal_id, view)

    async def watch_deals(self) -> AsyncGenerator[str, None]:
        """The id of each deal that was created, edited, paused, resumed, opened or ended."""
        with self._deals.watch([_ALL]) as mailbox:
            self._clock_matters.set()
            while True:
                yield await mailbox.take()

    def watch_deal(self, deal_id: str) -> AbstractContextManager[Mailbox[str]]:
        """A mailbox that is told when the terms of this deal change."""
        return self._deals.watch([deal_id])

    async def watch_cart(self, user_id: str) -> AsyncGenerator[None, None]:
        """One now, and one whenever the buyer's cart should be read again."""
        with self._carts.watch([user_id]) as mailbox:
            yield
            while True:
                await mailbox.take()
                yield

    async def watch_order(self, user_id: str, order_id: str) -> AsyncGenerator[None, None]:
        """One now, and one whenever the buyer's order should be read again."""
        with self._orders.watch([order_key(user_id, order_id)]) as mailbox:
            yield
            while True:
                await mailbox.take()
                yield

    def end_session(self, token_hash: bytes) -> None:
        """Forget a session, and close what is open of it in this process. May be repeated."""
        self._sessions.drop(token_hash)
        self._on_session_ended(token_hash)

    async def _listen(self) -> None:
        async with self._broadcast.subscribe(CHANNEL) as subscriber:
            if self._listening.is_set():
                self._hear(GAP)
            self._listening.set()
            while True:
                self._hear((await subscriber.get()).message)

    def _hear(self, message: str) -> None:
        """Pass announcements on. Never waits: broadcaster queues without bound behind us."""
        if message == GAP:
            self._miss()
            return
        self._heard_at = self._clock.now()
        try:
            told = orjson.loads(message)
        except ValueError as error:
            log.warning("announcement_unreadable", error=repr(error))
            return
        for news in told if isinstance(told, list) else [told]:
            try:
                self._pass_on(news)
            except (ValueError, KeyError, TypeError) as error:
                log.warning("announcement_unreadable", error=repr(error))

    def _pass_on(self, news: dict[str, Any]) -> None:
        match news["kind"]:
            case "stock":
                self._stock_changed(news)
            case "deal":
                self._deal_changed(news["deal_id"])
            case "product":
                for receiver in self._receivers:
                    receiver.product_changed(news["product_id"])
            case "missed":
                self._miss()
            case _:
                self._pass_on_personal(news)

    def _pass_on_personal(self, news: dict[str, Any]) -> None:
        match news["kind"]:
            case "cart":
                self._carts.tell(news["user_id"], None)
            case "order":
                self._orders.tell(order_key(news["user_id"], news["order_id"]), None)
            case "session":
                self.end_session(bytes.fromhex(news["token_hash"]))
            case kind:
                # A newer version of ourselves, while the processes are replaced one by one.
                log.info("announcement_unknown", kind=kind)

    def _stock_changed(self, news: dict[str, Any]) -> None:
        if news["deal_id"] in self._stocks:
            self._offer(view_of_news(news))
        for receiver in self._receivers:
            receiver.stock_changed(
                news["deal_id"], news["epoch"], news["version"], news["available"]
            )

    def _offer(self, view: StockView) -> None:
        """Tell those who watch a deal of its stock, unless they know as much already."""
        latest = self._latest.get(view.deal_id)
        if latest is None or view.order > latest.order:
            self._latest[view.deal_id] = view
            turned = latest is not None and (latest.available <= 0) != (view.available <= 0)
            self._told_stocks.offer(view.deal_id, view, urgent=turned)

    def _deal_changed(self, deal_id: str) -> None:
        self._dealbook.drop(deal_id)
        for receiver in self._receivers:
            receiver.deal_changed(deal_id)
        self._clock_matters.set()
        self._tell_of_deal(deal_id)

    def _tell_of_deal(self, deal_id: str) -> None:
        self._deals.tell(deal_id, deal_id)
        self._deals.tell(_ALL, deal_id, about=deal_id)

    def _miss(self) -> None:
        """Messages may be missing: everybody reads anew what they watch."""
        self._dealbook.forget_all()
        for receiver in self._receivers:
            receiver.forget_all()
        if self._missing_since is None:
            self._missing_since = self._heard_at - SLACK
        self._gap.set()
        self._carts.tell_all(None)
        self._orders.tell_all(None)

    async def _heal(self) -> None:
        """After a gap, read the stock that is watched and the deals that changed meanwhile."""
        while True:
            await self._gap.wait()
            self._gap.clear()
            try:
                watched = self._stocks.watched()
                for start in range(0, len(watched), BATCH):
                    views = await self._stockboard.many(watched[start : start + BATCH])
                    for view in views.values():
                        self._offer_if_watched(view)
                if self._deals.watched() and self._missing_since is not None:
                    for deal_id in await deals_changed_since(self._missing_since):
                        self._deal_changed(deal_id)
            except BaseException:
                self._gap.set()
                raise
            if not self._gap.is_set():
                self._missing_since = None

    def _offer_if_watched(self, view: StockView) -> None:
        if view.deal_id in self._stocks:
            self._offer(view)

    async def _follow_clock(self) -> None:
        """Tell of deals that open or end by the clock alone, while somebody watches all deals."""
        while True:
            self._clock_matters.clear()
            until = self._clock.now() + HORIZON
            watched = _ALL in self._deals
            upcoming = await moments_between(self._followed_until, until) if watched else ()
            wake_at = upcoming[0].at if upcoming else until
            wait = (wake_at - self._clock.now()).total_seconds() + TIMER_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._clock_matters.wait(), max(wait, TIMER_SECONDS))
            now = self._clock.now()
            for moment in upcoming:
                if moment.at <= now:
                    self._deals.tell(_ALL, moment.deal_id, about=moment.deal_id)
            self._followed_until = now
