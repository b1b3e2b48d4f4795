"""How often a store is asked."""

from typing import Any


class CountingPool:
    """A pool that counts what is fetched through it."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.fetched = 0

    async def fetch(self, *args: Any) -> Any:
        self.fetched += 1
        return await self._pool.fetch(*args)
