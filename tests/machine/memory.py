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


@dataclass(frozen=True, slots=True)
class Gate:
    """What an open gate says, and what its holds and claims add up to."""

    epoch: int
    version: int
    allotment: int
    available: int
    held: int
    committed: int
    holds: int
    claims: int

    @property
    def counters(self) -> tuple[int, int, int, int]:
        return self.allotment, self.available, self.held, self.committed


@dataclass
class Memory:
    """The keys of some deals and buyers, on a server that other tests use too."""

    redis: Redis
    raw: Redis  # the same server; answers bytes
    run_id: str
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

    async def gates(self) -> dict[str, Gate | None]:
        """Each deal's gate, read at one moment; None where it is not open in this life."""
        async with self.redis.pipeline(transaction=True) as pipe:
            for keys in map(DealKeys, self.deals):
                for key in (keys.stock, keys.holds, keys.claims):
                    pipe.hgetall(key)
            found = cast("list[dict[str, str]]", await pipe.execute())
        return {
            deal_id: self._gate(*found[3 * at : 3 * at + 3])
            for at, deal_id in enumerate(self.deals)
        }

    def _gate(
        self, stock: dict[str, str], holds: dict[str, str], claims: dict[str, str]
    ) -> Gate | None:
        if stock.get("run_id") != self.run_id:
            return None
        claimed = [claim for claim in claims.values() if "|CLAIMED|" in claim]
        return Gate(
            epoch=int(stock["epoch"]),
            version=int(stock["version"]),
            allotment=int(stock["allotment"]),
            available=int(stock["available"]),
            held=int(stock["held"]),
            committed=int(stock["committed"]),
            holds=sum(int(hold.split("|")[0]) for hold in holds.values()),
            claims=sum(int(claim.split("|")[0]) for claim in claimed),
        )

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

    async def roll_back(self, copy: Copy, *, noticed: bool) -> None:
        """A replica that was behind is promoted: its memory, and a life of its own.

        Not `noticed`: the memory is altered under a server that lives on, which nobody can tell.
        """
        await self.forget()
        for key, value in copy.values.items():
            await self.raw.restore(key, 0, value)
        now, self.age = self.age, copy.age
        await self.grow_older(now - copy.age)
        if noticed:
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
