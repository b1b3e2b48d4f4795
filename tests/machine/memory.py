"""What Redis remembers of a world, and how it loses it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from redis.asyncio import Redis

from inventory.keys import DealKeys, cart_key

# Of a server's life before this one; a real one never looks like this.
EARLIER_LIFE = "0" * 40


@dataclass(frozen=True, slots=True)
class Copy:
    """What Redis knew at some moment, and how old the world was then."""

    age: timedelta
    values: dict[bytes, bytes]


@dataclass
class Memory:
    """The keys of some deals and buyers, on a server that other tests use too."""

    redis: Redis
    raw: Redis  # the same server; answers bytes
    deals: Sequence[str] = ()
    buyers: Sequence[str] = ()
    age: timedelta = timedelta()
    copies: list[Copy] = field(default_factory=list)

    async def grow_older(self, by: timedelta) -> None:
        """Every deadline comes nearer: the server's clock cannot be moved."""
        self.age += by
        by_ms = by // timedelta(milliseconds=1)
        for keys in map(DealKeys, self.deals):
            for key in (keys.due, keys.unconfirmed):
                members = cast("list[str]", await self.redis.zrange(key, 0, -1))
                for member in members:
                    await self.redis.zincrby(key, -by_ms, member)
            for buyer, packed in (await self.packed(keys.holds)).items():
                units, state, deadline, rest = packed.split("|", 3)
                aged = f"{units}|{state}|{int(deadline) - by_ms}|{rest}"
                await self.redis.hset(keys.holds, buyer, aged)

    async def packed(self, key: str) -> dict[str, str]:
        """A hash as it is written."""
        return cast("dict[str, str]", await self.redis.hgetall(key))

    async def flush(self) -> None:
        """The server is empty: killed with nothing on disk, or flushed by hand."""
        await self.redis.flushall()

    async def begin_another_life(self) -> None:
        """The server was restarted: it knows its data, not its scripts, and has a new run id."""
        for keys in map(DealKeys, self.deals):
            if await self.redis.exists(keys.stock):
                await self.redis.hset(keys.stock, "run_id", EARLIER_LIFE)
        await self.redis.script_flush()

    async def copy(self) -> None:
        """What a replica has that is cut off now, or a disk that is not written to any more."""
        values = {key: await self.raw.dump(key) for key in await self._keys()}
        self.copies.append(Copy(self.age, cast("dict[bytes, bytes]", values)))

    async def roll_back(self, copy: Copy) -> None:
        """A replica that was behind is promoted: its memory, and a life of its own."""
        await self.forget()
        for key, value in copy.values.items():
            await self.raw.restore(key, 0, value)
        now, self.age = self.age, copy.age
        await self.grow_older(now - copy.age)
        await self.begin_another_life()

    async def forget(self) -> None:
        """The keys of these deals and buyers are gone; those of other tests stay."""
        keys = await self._keys()
        if keys:
            await self.raw.unlink(*keys)

    async def _keys(self) -> list[bytes]:
        return [key for name in self._names() async for key in self.raw.scan_iter(match=name)]

    def _names(self) -> Iterable[str]:
        for keys in map(DealKeys, self.deals):
            yield keys.stock.removesuffix("stock") + "*"
        for user_id in self.buyers:
            yield cart_key(user_id).removesuffix("cart") + "*"
