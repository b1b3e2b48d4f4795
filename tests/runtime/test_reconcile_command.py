"""`flashsale reconcile`: a table, an exit code, and a dry run that leaves everything as it was."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from subprocess import CompletedProcess

import asyncpg
import pytest
from redis.asyncio import Redis

from inventory.keys import DealKeys
from kit.ids import new_id
from models.stores import migrate_postgres

Command = Callable[..., Awaitable[CompletedProcess[str]]]


@pytest.fixture
def command(
    run_command: Callable[..., CompletedProcess[str]], environment: dict[str, str]
) -> Command:
    """Runs `flashsale reconcile ...` while the session's sandbox goes on answering it."""

    async def run(*words: str, **more: str) -> CompletedProcess[str]:
        return await asyncio.to_thread(
            run_command, "reconcile", *words, environment=environment | more
        )

    return run


@pytest.fixture
async def environment(store_environment: dict[str, str], empty_database_url: str) -> dict[str, str]:
    """A deployment with a database of its own, beside other tests' shop at the provider."""
    await migrate_postgres(empty_database_url)
    own = {"FLASHSALE_DATABASE_URL": empty_database_url, "FLASHSALE_SHOP": "reconciling"}
    return {**store_environment, **own}


@pytest.fixture
async def database(environment: dict[str, str]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(environment["FLASHSALE_DATABASE_URL"])
    yield connection
    await connection.close()


async def insert_deal(database: asyncpg.Connection) -> str:
    """A live deal whose gate nobody has opened."""
    deal_id = new_id("deal")
    await database.execute(
        "INSERT INTO deals (id, product_id, category, title, price_minor, list_price_minor,"
        " currency, discount_percent, starts_at, ends_at, purchase_limit) VALUES ($1, 'prod', 'c',"
        " 't', 100, 100, 'USD', 0, now() - interval '1 hour', now() + interval '1 hour', 2)",
        deal_id,
    )
    await database.execute("INSERT INTO deal_stock (deal_id, allotment) VALUES ($1, 10)", deal_id)
    return deal_id


async def insert_stuck_order(database: asyncpg.Connection) -> str:
    """Of an intent that the provider does not know: nothing is concluded from that."""
    user_id, order_id = new_id("usr"), new_id("ord")
    await database.execute(
        "INSERT INTO orders (user_id, id, number, checkout_id, status, rank, owns_units,"
        " total_minor, currency, placed_at, payment_due_at, checked_at) VALUES ($1, $2, 'FS', 'c',"
        " 'EXPIRING', 1, false, 100, 'USD', now(), now(), now())",
        user_id,
        order_id,
    )
    await database.execute(
        "UPDATE orders SET updated_at = now() - interval '1 hour' WHERE id = $1", order_id
    )
    await database.execute(
        "INSERT INTO payments (user_id, order_id, intent_id, status, amount_minor, currency)"
        " VALUES ($1, $2, 'pi_of_nobody', 'REQUIRES_PAYMENT', 100, 'USD')",
        user_id,
        order_id,
    )
    return order_id


async def test_with_nothing_amiss_it_says_so(command: Command) -> None:
    result = await command("--hours", "1")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "0 differences, 0 repaired, 0 left."


async def test_a_dry_run_tells_and_leaves_a_real_one_mends(
    command: Command, database: asyncpg.Connection, redis: Redis
) -> None:
    deal_id = await insert_deal(database)
    words = ("--deal", deal_id)
    looked = await command(*words, "--dry-run")
    assert looked.returncode == 1, looked.stderr
    row, end = looked.stdout.splitlines()
    assert row.split()[:4] == ["COUNTER_DRIFT", deal_id, "-", "units"]
    assert row.endswith("left  the deal has no gate in Redis")
    assert end == "1 differences; nothing was changed."
    assert not await redis.exists(DealKeys(deal_id).stock)
    assert await database.fetchval("SELECT count(*) FROM drift") == 0
    mended = await command(*words)
    assert mended.returncode == 0, mended.stderr
    assert "gates opened again: 1" in mended.stdout
    assert mended.stdout.splitlines()[-1] == "0 differences, 0 repaired, 0 left."
    assert await redis.exists(DealKeys(deal_id).stock)


async def test_what_cannot_be_mended_is_left_and_told_by_the_exit_code(
    command: Command, database: asyncpg.Connection
) -> None:
    order_id = await insert_stuck_order(database)
    result = await command("--hours", "1")
    assert result.returncode == 1, result.stderr
    told = [line for line in result.stdout.splitlines() if order_id in line]
    assert [line.split()[0] for line in told] == ["STUCK_ORDER"]
    assert "  left  " in told[0]
    assert result.stdout.splitlines()[-1] == "1 differences, 0 repaired, 1 left."
    left = await database.fetch("SELECT class, repaired_at FROM drift")
    assert [tuple(row) for row in left] == [("STUCK_ORDER", None)]


async def test_a_deal_that_is_not_there_is_named(command: Command) -> None:
    unknown = new_id("deal")
    result = await command("--deal", unknown)
    assert (result.returncode, result.stderr) == (2, f"flashsale: There is no deal {unknown}.\n")
    wrong = await command("--deal", "tea")
    assert wrong.returncode == 2
    assert "tea is no deal's id" in wrong.stderr


async def test_a_provider_that_is_away_is_told_and_the_gates_are_seen_to_all_the_same(
    command: Command, database: asyncpg.Connection
) -> None:
    deal_id = await insert_deal(database)
    nowhere = {"FLASHSALE_STRIPE_API_BASE": "http://127.0.0.1:9"}
    result = await command("--deal", deal_id, "--dry-run", **nowhere)
    assert result.returncode == 1
    assert "The payment provider did not answer" in result.stderr
    assert result.stdout.splitlines()[-1] == "1 differences; nothing was changed."
