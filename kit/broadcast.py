"""A backend for broadcaster that subscribes before it says so and survives a lost Redis."""

import asyncio
import contextlib
from collections import deque
from time import monotonic
from typing import Final

import structlog
from broadcaster import BroadcastBackend, Event
from redis.asyncio import Connection, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from kit.redis_client import tell_lost_connections

log = structlog.get_logger()

GAP: Final = "gap"
"""Delivered on every channel after a reconnect: messages may be missing, read the present state."""

PING_SECONDS: Final = 0.25
DEAF_SECONDS: Final = 1.0
_FIRST_DELAY_SECONDS = 0.05
_LONGEST_DELAY_SECONDS = 2.0


class RedisPubSub(BroadcastBackend):
    """Redis publish/subscribe for broadcaster.

    The backend that ships with broadcaster 0.3.1 marks itself ready before it has subscribed and
    dies silently with its connection. This one awaits the server's confirmation, reconnects with
    backoff, delivers `GAP` when messages may have been lost, and knows whether it hears: it pings
    on the connection it listens on, whose answers come behind everything published before.
    """

    def __init__(self, url: str, *, publisher: Redis) -> None:
        # A client that repeats by itself would resubscribe silently and hide the gap.
        self._listener = Redis.from_url(
            url, decode_responses=True, retry=Retry(NoBackoff(), 0), socket_connect_timeout=1.0
        )
        tell_lost_connections(self._listener.connection_pool)
        self._publisher = publisher
        self._pubsub: PubSub | None = None
        self._channels: set[str] = set()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._gaps: deque[str] = deque()
        self._subscribed = asyncio.Event()
        self._lost = False
        self._heard_at = -DEAF_SECONDS
        self._has_heard = False
        self._unconfirmed: set[str] = set()
        self._pinging: asyncio.Task[None] | None = None

    def hears(self) -> bool:
        """Whether what is published now arrives: something did within the last second."""
        return not (self._lost or self._unconfirmed or self._gaps or self._is_deaf())

    def _is_deaf(self) -> bool:
        return monotonic() - self._heard_at >= DEAF_SECONDS

    async def connect(self) -> None:
        """Prepare to subscribe; the connection is made by the first subscription."""
        self._pubsub = self._listener.pubsub()
        self._pinging = asyncio.create_task(self._ping(), name="broadcast pings")

    async def disconnect(self) -> None:
        """Close the subscription's connection; the publisher is its owner's."""
        if self._pinging is not None:
            self._pinging.cancel()
            await asyncio.wait({self._pinging})
        if self._pubsub is not None:
            await self._pubsub.aclose()  # type: ignore[no-untyped-call] # redis-py leaves it bare
            self._pubsub = None
        await self._listener.aclose()

    async def subscribe(self, channel: str) -> None:
        """Subscribe, and return once the server has confirmed it.

        While Redis is away the subscription is kept and made at the next reconnect.
        """
        assert self._pubsub is not None
        confirmed = self._confirmed[channel] = asyncio.Event()
        self._channels.add(channel)
        try:
            await self._pubsub.subscribe(channel)
        except (RedisError, OSError):
            self._lost = True
        self._subscribed.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(confirmed.wait(), _LONGEST_DELAY_SECONDS)

    async def unsubscribe(self, channel: str) -> None:
        """Stop listening to a channel."""
        assert self._pubsub is not None
        self._channels.discard(channel)
        with contextlib.suppress(RedisError):
            await self._pubsub.unsubscribe(channel)

    async def publish(self, channel: str, message: str) -> None:
        """Publish to whoever listens now.

        Raises:
            redis.RedisError: perhaps nobody heard it; what is published is repeated anyway.
        """
        await self._publisher.publish(channel, message)

    async def next_published(self) -> Event:
        """The next message, or `GAP` after a reconnect. Never raises, never returns early."""
        await self._subscribed.wait()
        delay = _FIRST_DELAY_SECONDS
        while True:
            if self._gaps:
                return Event(self._gaps.popleft(), GAP)
            try:
                message = await self._receive()
            except (RedisError, OSError) as error:
                log.warning("broadcast_lost", error=repr(error), retry_in_seconds=delay)
                await self._hang_up()
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
                continue
            delay = _FIRST_DELAY_SECONDS
            if message is None:
                continue
            if message["type"] != "subscribe" and self._is_deaf() and self._has_heard:
                # The server, or the way to it, stood still: what was remembered meanwhile may be
                # older than what is only being read now.
                self._gaps.extend(sorted(self._channels))
            self._heard_at, self._has_heard = monotonic(), True
            if message["type"] == "subscribe":
                self._hear_confirmed(message["channel"])
            elif message["type"] == "message":
                return Event(message["channel"], message["data"])

    def _hear_confirmed(self, channel: str) -> None:
        """From here on the channel is heard; what was told before, since it was lost, is not."""
        self._confirmed[channel].set()
        if channel in self._unconfirmed:
            self._unconfirmed.discard(channel)
            self._gaps.append(channel)

    async def _ping(self) -> None:
        """Give the server something to answer, as long as a subscription stands."""
        await self._subscribed.wait()
        while True:
            await asyncio.sleep(PING_SECONDS)
            if self._pubsub is None or self._lost:
                continue
            connection: Connection | None = self._pubsub.connection
            if connection is not None and connection.is_connected:
                # Below the client, which would connect anew by itself and hide the gap. Whoever
                # reads finds out that a connection is lost.
                with contextlib.suppress(RedisError, OSError):
                    await connection.send_command("PING", check_health=False)

    async def _receive(self) -> dict[str, str] | None:
        """Read one message, first making the connection anew where it was lost."""
        assert self._pubsub is not None
        if self._lost:
            await self._pubsub.subscribe(*self._channels)
            self._lost = False
            self._unconfirmed = set(self._channels)
            return None
        message: dict[str, str] | None = await self._pubsub.get_message(timeout=None)
        return message

    async def _hang_up(self) -> None:
        """Drop the broken connection; `_receive` makes a new one."""
        assert self._pubsub is not None
        self._lost = True
        await self._pubsub.aclose()  # type: ignore[no-untyped-call] # redis-py leaves it bare
        self._pubsub = self._listener.pubsub()
