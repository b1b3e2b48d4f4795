"""Checks, before anything is started, that the three stores answer and know our schema."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kit.settings import Settings, SettingsError, require_stores
from runtime.problems import CannotStart

# A store that is up answers in milliseconds; one across a slow link may need this long.
ANSWER_SECONDS = 5.0
_DEFAULT_PORTS = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "rediss": 6379,
                  "mongodb": 27017, "http": 80, "https": 443}  # fmt: skip


def require_payments(settings: Settings) -> None:
    """Refuse to start without the payment provider's secrets.

    Raises:
        SettingsError: naming the first that is not set.
    """
    for name in ("stripe_api_key", "stripe_webhook_secret"):
        if not getattr(settings, name).get_secret_value():
            raise SettingsError(
                f"FLASHSALE_{name.upper()} is not set. Set it, or run `flashsale up`, "
                "which starts a payment sandbox."
            )


async def check_stores(settings: Settings, *, migrated: bool) -> None:
    """Refuse to start while a store is away or, if `migrated` is asked for, has no schema.

    Raises:
        SettingsError: a store has no URL.
        CannotStart: one line that names the store, its address and its setting.
    """
    require_stores(settings)
    await _check(
        "PostgreSQL",
        "FLASHSALE_DATABASE_URL",
        settings.database_url,
        lambda: _ask_postgres(settings.database_url, migrated=migrated),
    )
    await _check(
        "Redis", "FLASHSALE_REDIS_URL", settings.redis_url, lambda: _ask_redis(settings.redis_url)
    )
    await _check(
        "MongoDB", "FLASHSALE_MONGO_URL", settings.mongo_url, lambda: _ask_mongo(settings.mongo_url)
    )


async def check_sandbox(settings: Settings) -> None:
    """Refuse to load a demo whose past sales nobody would take the payment for.

    Raises:
        CannotStart: one line that names the address and its setting.
    """
    base = settings.stripe_api_base
    if not base:
        return
    try:
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS) as client:
            await client.get(base)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CannotStart(
            f"The payment sandbox at {_address(base)} cannot be used "
            f"(FLASHSALE_STRIPE_API_BASE): {_one_line(error)}."
        ) from None


async def _check(title: str, setting: str, url: str, ask: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await ask()
    except TimeoutError:
        reason = f"no answer within {ANSWER_SECONDS:.0f} s"
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = _one_line(error)
    except (RedisError, PyMongoError) as error:
        reason = _one_line(error)
    else:
        return
    raise CannotStart(f"{title} at {_address(url)} cannot be used ({setting}): {reason}.")


async def _ask_postgres(url: str, *, migrated: bool) -> None:
    connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS)
    try:
        known = await connection.fetchval("SELECT to_regclass('deals') IS NOT NULL")
    finally:
        await connection.close()
    if migrated and not known:
        raise CannotStart("The database has no schema yet. Run `flashsale migrate` first.")


async def _ask_redis(url: str) -> None:
    async with Redis.from_url(url, socket_connect_timeout=ANSWER_SECONDS) as client:
        await client.ping()


async def _ask_mongo(url: str) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        url, serverSelectionTimeoutMS=int(ANSWER_SECONDS * 1000) - 500
    )
    async with client:
        # Needs a sign-in, unlike a ping.
        await client.get_default_database("flashsale").list_collection_names()


def _address(url: str) -> str:
    """Where a URL points to, without its password."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "that address"
    return f"{parts.hostname or 'localhost'}:{port}"


def _one_line(error: Exception) -> str:
    """The first thing an error says; drivers append whole topologies."""
    said = str(error).split("\n")[0].split(", Timeout:")[0].split(" (configured timeouts")[0]
    return said.rstrip(". ") or type(error).__name__
