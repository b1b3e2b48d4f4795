"""What the parts of a running shop have used so far, by their own count and the kernel's."""

import asyncio
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from redis import Redis

from bench.commands import Commands
from bench.process import children_of
from bench.shop import Shop

_PAGE_BYTES: Final = 8_192
_COUNTED: Final = """
SELECT (SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal') AS flushes,
       (SELECT sum(xact_commit)::bigint FROM pg_stat_database) AS transactions,
       (pg_current_wal_insert_lsn() - '0/0')::bigint AS wal_bytes,
       current_setting('max_connections')::int AS connections
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """What the stores count, at a moment of the monotonic clock."""

    at: float
    commands: Commands
    transactions: int
    flushes: int
    wal_bytes: int

    def since(self, before: "Counted") -> dict[str, float]:
        """Of each, what came after that; by the names of a cost."""
        return {
            "redis_commands": self.commands.since(before.commands).all,
            "postgres_transactions": self.transactions - before.transactions,
            "wal_flushes": self.flushes - before.flushes,
            "wal_bytes": self.wal_bytes - before.wal_bytes,
        }


@dataclass(frozen=True, slots=True)
class Used:
    """CPU time of each part so far, seconds, at a moment of the monotonic clock."""

    at: float
    seconds: dict[str, float]

    @classmethod
    def now(cls, shop: Shop) -> "Used":
        """With all processes of each part."""
        return cls(time.monotonic(), shop.cpu_seconds())


def count(shop: Shop, *, after_seconds: float) -> Counted:
    """What the stores have counted, once the sessions of Postgres have told it all."""
    time.sleep(after_seconds)
    row = _ask_postgres(shop)
    return Counted(
        time.monotonic(),
        Commands.of(shop.environment["FLASHSALE_REDIS_URL"]),
        row["transactions"],
        row["flushes"],
        row["wal_bytes"],
    )


def most_connections(shop: Shop) -> int:
    """Of Postgres."""
    return int(_ask_postgres(shop)["connections"])


def redis_bytes(shop: Shop) -> int:
    """What Redis keeps."""
    with Redis.from_url(shop.environment["FLASHSALE_REDIS_URL"]) as client:
        return int(client.info("memory")["used_memory"])


def memory_bytes(roots: Iterable[int]) -> int:
    """Of these processes and all below them; what several share is divided among them."""
    return sum(_share_bytes(root) + memory_bytes(children_of(root)) for root in roots)


def flushes_per_second(folder: Path, *, seconds: float) -> float:
    """How often a page can be written to the disk of a folder and flushed, one after another."""
    path, page = folder / "flushed", os.urandom(_PAGE_BYTES)
    made, began = 0, time.monotonic()
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while not made or time.monotonic() - began < seconds:
            os.pwrite(file, page, 0)
            os.fdatasync(file)
            made += 1
    finally:
        os.close(file)
        path.unlink()
    return made / (time.monotonic() - began)


def ports_per_address() -> int:
    """Ports that one source address has for connections to one place."""
    first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(last) - int(first) + 1


def _share_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def _ask_postgres(shop: Shop) -> Any:  # noqa: ANN401 - a row
    async def ask() -> Any:  # noqa: ANN401 - the same
        connection = await asyncpg.connect(shop.environment["FLASHSALE_DATABASE_URL"])
        try:
            return await connection.fetchrow(_COUNTED)
        finally:
            await connection.close()

    return asyncio.run(ask())
