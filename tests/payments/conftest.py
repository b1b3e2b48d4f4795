"""The real SDK against a real sandbox."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from kit.settings import Settings, load_settings
from payments.stripe_gateway import StripeGateway
from tests.sandbox.running import (
    PUBLISHABLE_KEY,
    SECRET_KEY,
    RunningSandbox,
    config_for,
    run_sandbox,
)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[RunningSandbox]:
    async with run_sandbox(config_for(tmp_path)) as running:
        yield running


def settings_for(url: str, *, api_key: str = SECRET_KEY) -> Settings:
    return load_settings(
        stripe_api_base=url,
        stripe_api_key=SecretStr(api_key),
        stripe_publishable_key=PUBLISHABLE_KEY,
        intents_per_second=10_000,
    )


@pytest.fixture
async def gateway(sandbox: RunningSandbox) -> AsyncIterator[StripeGateway]:
    opened = StripeGateway(settings_for(sandbox.url))
    yield opened
    await opened.aclose()
