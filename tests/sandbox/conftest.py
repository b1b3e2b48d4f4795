"""A fresh sandbox for each test, with a webhook endpoint where one is asked for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.running import (
    Receiver,
    RunningSandbox,
    config_for,
    run_receiver,
    run_sandbox,
)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[RunningSandbox]:
    async with run_sandbox(config_for(tmp_path)) as running:
        yield running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with run_receiver() as listening:
        yield listening


@pytest.fixture
async def telling(tmp_path: Path, receiver: Receiver) -> AsyncIterator[RunningSandbox]:
    """A sandbox that sends its events to `receiver`."""
    async with run_sandbox(config_for(tmp_path, webhook_url=receiver.url)) as running:
        yield running
