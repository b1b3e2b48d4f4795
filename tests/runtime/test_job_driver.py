"""The queue's health check is heard by the queue that sent it."""

import asyncio

import asyncpg

from runtime.job_driver import ListensFirst


async def test_a_notification_sent_too_early_is_heard_all_the_same(pool: asyncpg.Pool) -> None:
    driver = ListensFirst(pool)
    heard: asyncio.Queue[str | bytes | bytearray] = asyncio.Queue()
    early = asyncio.create_task(driver.notify("job_driver_test", "are you there?"))
    # Long enough for Postgres to have taken it, had it been sent.
    assert await pool.fetchval("SELECT pg_sleep(0.05) IS NOT NULL")
    assert not early.done()
    async with driver:
        await driver.add_listener("job_driver_test", heard.put_nowait)
        await early
        async with asyncio.timeout(10):
            assert await heard.get() == "are you there?"
        await driver.remove_listener("job_driver_test", heard.put_nowait)
