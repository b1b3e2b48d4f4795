"""A hub and what tests do to it: tell it things, and wait for what it passes on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import orjson
from broadcaster import Broadcast

from kit.clock import to_ms
from notifications.announcements import CHANNEL
from notifications.receiver import Receiver
from orders.stockboard import StockView
from runtime.resources import Resources
from subscriptions.hub import Hub

T = TypeVar("T")

LIMIT_SECONDS = 10.0


@dataclass
class Listening:
    """A started hub, and the sessions that it said have ended."""

    hub: Hub
    broadcast: Broadcast
    resources: Resources
    ended: list[bytes] = field(default_factory=list)

    async def tell(self, **news: object) -> None:
        """Announce something, as any process may."""
        await self.broadcast.publish(CHANNEL, orjson.dumps(news).decode())

    async def tell_stock(self, view: StockView, **changes: int) -> StockView:
        """Announce the stock of a deal, with changes to what it was."""
        told = replace(view, **changes)  # type: ignore[arg-type] # tests change counters only
        await self.tell(
            kind="stock",
            deal_id=told.deal_id,
            epoch=told.epoch,
            version=told.version,
            allotment=told.allotment,
            available=told.available,
            held=told.held,
            sold=told.sold,
            as_of_ms=to_ms(told.as_of),
        )
        return told

    async def has_heard_all(self) -> None:
        """Wait until the hub has passed on everything that was announced so far."""
        await self.resources.announcer.settle()
        async with watching(self.hub.watch_cart("usr_last")) as carts:
            await upcoming(carts)
            await self.tell(kind="cart", user_id="usr_last")
            await upcoming(carts)

    async def cut_off(self) -> None:
        """Cut every subscriber's connection to Valkey, as a failing network does."""
        await self.resources.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call] # redis-py leaves it bare


@asynccontextmanager
async def start_hub(
    resources: Resources,
    broadcast: Broadcast,
    *,
    changes_per_second: float = 1e9,
    receivers: Sequence[Receiver] = (),
) -> AsyncIterator[Listening]:
    ended: list[bytes] = []
    hub = Hub(
        broadcast=broadcast,
        stockboard=resources.stockboard,
        dealbook=resources.dealbook,
        sessions=resources.sessions,
        clock=resources.clock,
        on_session_ended=ended.append,
        stock_changes_per_second=changes_per_second,
        receivers=receivers,
    )
    async with hub:
        yield Listening(hub, broadcast, resources, ended)


@asynccontextmanager
async def watching(values: AsyncGenerator[T, None]) -> AsyncIterator[AsyncGenerator[T, None]]:
    """A watch that ends with the block."""
    async with aclosing(values):
        yield values


async def upcoming(values: AsyncGenerator[T, None]) -> T:
    """The next value, which must come within the limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        return await anext(values)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no event tells, within the limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
