"""How PgQueuer reaches Postgres: it does not ask whether it is heard before it listens."""

import asyncio

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.ports.driver import NotifyCallback


class ListensFirst(AsyncpgPoolDriver):
    """Holds notifications back until there is a listener.

    PgQueuer 1.6 sends its first health check before it listens; where that check wins the race it
    is never heard, and ten seconds later the queue takes its connection for dead.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(pool)
        self._listens = asyncio.Event()

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Listen on a channel; from now on notifications are sent."""
        await super().add_listener(channel, callback)
        self._listens.set()

    async def notify(self, channel: str, payload: str) -> None:
        """Send a notification, once there is a listener."""
        await self._listens.wait()
        await super().notify(channel, payload)
