"""The shops that are compared: each a database and a Redis of its own, on one PostgreSQL."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis import Redis

from bench.assistant import Assistant
from bench.growth.dimensions import FACTORS, FIRST, Place
from bench.shop import Shop, open_stores, start_service
from inventory.keys import DealKeys
from runtime.embedded import EmbeddedStores
from runtime.ports import LOOPBACK, free_port

_SQL: Final = Path(__file__).parent
# Nine API processes share one server.
_SETTINGS: Final = {"postgres_pool": "3", "redis_pool": "8"}
_ALLOTMENT: Final = 1_000_000
HOT: Final = 20
# So many of the buyers who are known hold a unit of each crowded deal, and of no other.
CROWD: Final = 100
# What is asked for by name, and no other: as many at every size.
LIMIT: Final = 100_000


@dataclass(slots=True)
class Town:
    """One API process and what is behind it."""

    port: int
    # Its own process, its Redis, and the servers that it shares.
    pids: list[int]
    # The states that it stands for.
    places: list[Place]


@dataclass(slots=True)
class Towns:
    """All of them, and what they have in common."""

    deals: list[str]
    tokens: list[str]
    # A deal with so many holds, by how many times the first number.
    crowded: dict[int, str]
    all: list[Town] = field(default_factory=list)


@contextmanager
def open_towns(
    stage_folder: Path, environment: Mapping[str, str], tell: Callable[[str], None]
) -> Iterator[Towns]:
    """Open everything at its first size, then the larger ones; all of it lives until the end."""
    with ExitStack() as stack:
        shop = stack.enter_context(
            open_stores(stage_folder / "growth", environment, settings=_SETTINGS, tell=tell)
        )
        words = ("sandbox", "--port", str(shop.sandbox_port), "--data", str(shop.folder / "box"))
        start_service(stack, shop, "sandbox", words, (LOOPBACK, shop.sandbox_port, "/healthz"))
        towns = _begin(shop, tell)
        tell("W6: making what there is ten and a hundred times as much of")
        grown = [name for name in FIRST if name != "holds"]
        variants = [Place(name, factor) for name in grown for factor in FACTORS[1:]]
        urls = asyncio.run(_databases(shop.environment["FLASHSALE_DATABASE_URL"], variants))
        first = [Place(name, 1) for name in grown]
        redis = shop.environment["FLASHSALE_REDIS_URL"]
        towns.all.append(_serve(stack, shop, first, {}, shop.parts["valkey"]))
        for place, url in zip(variants, urls, strict=True):
            folder = shop.folder / f"redis-{place.dimension}-{place.factor}"
            own = stack.enter_context(
                EmbeddedStores(folder, password="bench", needed=("redis_url",))  # noqa: S106
            )
            pid = own.pids["valkey"]
            assert pid is not None
            given = {"FLASHSALE_DATABASE_URL": url, "FLASHSALE_REDIS_URL": own.urls["redis_url"]}
            if place.dimension == "deals":
                _copy_gates(redis, own.urls["redis_url"], towns.deals[-1], place.size)
            towns.all.append(_serve(stack, shop, [place], given, pid))
        yield towns


def _begin(shop: Shop, tell: Callable[[str], None]) -> Towns:
    """Deals, buyers, holds and orders at their first size."""
    buyers = shop.folder / "tokens"
    shop.step(
        "Making the buyers", "seed", "--buyers", str(FIRST["buyers"]), "--tokens", str(buyers)
    )
    tell("W6: opening deals, and filling carts")
    with Assistant("bench.headline.opening", environment=shop.environment) as opening:
        units = [_ALLOTMENT] * FIRST["deals"]
        deals = opening.ask("open", allotments=units, hot=HOT, limit=LIMIT)["deals"]
        crowded = dict(zip(FACTORS, deals, strict=False))
        for factor, deal in crowded.items():
            count = FIRST["holds"] * factor
            opening.ask("hold", deal=deal, buyers=count - CROWD)
    return Towns(deals=deals, tokens=buyers.read_text().split(), crowded=crowded)


def _serve(
    stack: ExitStack, shop: Shop, places: list[Place], given: dict[str, str], redis: int
) -> Town:
    port = free_port()
    name = "-".join(f"{place.dimension}-{place.factor}" for place in places[:1])
    pid = start_service(
        stack,
        shop,
        f"API of {name}",
        ("serve", "--port", str(port)),
        (LOOPBACK, port, "/readyz"),
        environment=given,
    )
    return Town(port, [pid, redis, shop.parts["postgres"], shop.parts["mongo"]], places)


async def _databases(url: str, variants: list[Place]) -> list[str]:
    """A copy of the database for each, and more of one thing in it."""
    connection = await asyncpg.connect(url)
    # What it does, and when, is not the cost of a request.
    await connection.execute("ALTER SYSTEM SET autovacuum = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.execute(_statement("orders"), 1, FIRST["orders"])
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    parts = urlsplit(url)
    made: list[str] = []
    maintenance = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
    for place in variants:
        name = f"grown_{place.dimension}_{place.factor}"
        await maintenance.execute(f"CREATE DATABASE {name} TEMPLATE {parts.path.lstrip('/')}")
        made.append(urlunsplit(parts._replace(path=f"/{name}")))
        await _grow(made[-1], place)
    await maintenance.execute("CHECKPOINT")
    await maintenance.close()
    return made


async def _grow(url: str, place: Place) -> None:
    connection = await asyncpg.connect(url)
    more = place.size - FIRST[place.dimension]
    if place.dimension == "deals":
        after = datetime.now(UTC) + timedelta(hours=4)
        await connection.execute(_statement("deals"), more, after)
    elif place.dimension == "buyers":
        await connection.execute(_statement("buyers"), more)
    elif place.dimension == "orders":
        await connection.execute(_statement("orders"), FIRST["orders"] + 1, place.size)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def _copy_gates(source: str, target: str, deal_id: str, size: int) -> None:
    """Gates like that of one deal, so that there are as many as deals; nobody asks them."""
    with Redis.from_url(source) as one, Redis.from_url(target) as other:
        dumped = one.dump(DealKeys(deal_id).stock)
        with other.pipeline(transaction=False) as pipe:
            for number in range(1, size - FIRST["deals"] + 1):
                pipe.restore(DealKeys(f"deal_7{number:025d}").stock, 0, dumped)
            pipe.execute()


def _statement(name: str) -> str:
    return (_SQL / f"populate_{name}.sql").read_text()
