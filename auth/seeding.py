"""Buyers in bulk, for load tests: each with a live session, none with a password."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from auth.sessions import hash_token, new_token
from kit.ids import new_id

# Rows per COPY: few round trips, and memory that does not grow with the number of buyers.
_BATCH: Final = 5_000


async def seed_buyers(pool: asyncpg.Pool, *, buyers: int, session_days: int) -> list[str]:
    """Make this many new buyers and return their session tokens, one each.

    All of them or none are written. A repeat makes as many again.
    """
    now = datetime.now(UTC)
    expires_at = now + timedelta(days=session_days)
    tokens: list[str] = []
    async with pool.acquire() as connection, connection.transaction():
        for numbers in _batches(buyers):
            made = [(new_id("usr"), new_token(), number) for number in numbers]
            await connection.copy_records_to_table(
                "users",
                columns=["id", "email", "name", "role", "created_at"],
                records=[
                    (user_id, f"{user_id}@seed.example", f"Seeded buyer {number}", "BUYER", now)
                    for user_id, _, number in made
                ],
            )
            await connection.copy_records_to_table(
                "sessions",
                columns=["token_hash", "user_id", "created_at", "expires_at"],
                records=[
                    (hash_token(token), user_id, now, expires_at) for user_id, token, _ in made
                ],
            )
            tokens.extend(token for _, token, _ in made)
    return tokens


def _batches(buyers: int) -> Iterator[list[int]]:
    numbers = iter(range(1, buyers + 1))
    while batch := list(itertools.islice(numbers, _BATCH)):
        yield batch
