"""What a process opened is closed, nothing of it goes on, and the process ends."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

# A process of its own: only one may have the records' connections open.
PROGRAM = """
import asyncio
import sys

from auth.seeding import seed_buyers
from kit.settings import load_settings
from runtime.resources import open_resources

async def main(words):
    before = asyncio.all_tasks()
    async with open_resources(load_settings()) as resources:
        (token,) = await seed_buyers(resources.pool, buyers=1, session_days=1)
        viewer = await resources.sessions.viewer(token)
        await resources.carts.read(viewer.user_id)
        await resources.redis.ping()
        if "subscribed" in words:
            # And nobody any more, as after the last of a process's hubs.
            async with resources.broadcast.subscribe("closing"):
                pass
        if "failed" in words:
            raise SystemExit(3)
    # One that was told to end needs a turn of the loop for it.
    while asyncio.all_tasks() - before:
        await asyncio.sleep(0)

asyncio.run(main(sys.argv))
"""


@pytest.mark.parametrize(
    ("words", "code"), [("", 0), ("subscribed", 0), ("failed", 3), ("subscribed failed", 3)]
)
def test_a_process_without_a_hub_ends(
    store_environment: Mapping[str, str], words: str, code: int
) -> None:
    process = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, *words.split()],
        env=dict(store_environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == code, process.stderr
