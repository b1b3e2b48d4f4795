"""One `flashsale serve` on the session's stores, that can be stopped and started again."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from kit.settings import Settings

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 40.0


class ApiProcess:
    """The API as its own process, always at the same address."""

    def __init__(self, settings: Settings, folder: Path, **more: str) -> None:
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        outside = {key: value for key, value in os.environ.items() if "FLASHSALE" not in key}
        self._environment = {
            **outside,
            "PYTHONPATH": str(ROOT),
            "FLASHSALE_DATABASE_URL": settings.database_url,
            "FLASHSALE_REDIS_URL": settings.redis_url,
            "FLASHSALE_MONGO_URL": settings.mongo_url,
            "FLASHSALE_STRIPE_API_KEY": settings.stripe_api_key.get_secret_value(),
            "FLASHSALE_STRIPE_API_BASE": settings.stripe_api_base,
            "FLASHSALE_STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret.get_secret_value(),
            "FLASHSALE_SECRET_KEY": settings.secret_key.get_secret_value(),
            **more,
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, and wait until it can serve."""
        with (self._folder / f"api-{self.port}.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own command, no shell
                [sys.executable, "-m", "runtime", "serve", "--port", str(self.port)],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        limit = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(base_url=self.address) as client:
            while not await _is_ready(client):
                assert self._process.poll() is None, self.log
                assert time.monotonic() < limit, self.log
                await asyncio.sleep(0.05)

    async def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal; it may be started again."""
        assert self._process is not None
        self._process.send_signal(by)
        await asyncio.to_thread(self._process.wait, STOP_SECONDS)

    @property
    def log(self) -> str:
        """What it wrote; for the message of a test that failed."""
        return (self._folder / f"api-{self.port}.log").read_text(encoding="utf-8")


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
