"""One `flashsale up` in a folder of its own, with its stores, sandbox, worker and API."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.journey.client import Api

ROOT = Path(__file__).parents[2]
START_SECONDS = 150.0
STOP_SECONDS = 40.0


@dataclass
class Sale:
    """A running sale: where it is, and the process that started it."""

    folder: Path
    api: str
    sandbox: str
    process: "subprocess.Popen[bytes]"
    environment: dict[str, str]

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a flashsale command that finds this sale by itself."""
        return subprocess.run(  # noqa: S603 - our own command line, no shell
            [sys.executable, "-m", "runtime", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextmanager
    def running(self, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A flashsale command that runs while the block does; it finds this sale by itself."""
        with (self.folder / f"{words[0]}-again.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                [sys.executable, "-m", "runtime", *words],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_sale(**settings: str) -> Iterator[Sale]:
    """`flashsale up` in a folder of its own, while the block runs; it ends without an error."""
    folder = Path(tempfile.mkdtemp(prefix="flashsale-journey-"))
    folder.chmod(0o711)
    ports = {"FLASHSALE_PORT": str(free_port()), "FLASHSALE_SANDBOX_PORT": str(free_port())}
    outside = {key: value for key, value in os.environ.items() if "FLASHSALE" not in key}
    environment = outside | ports | {"PYTHONPATH": str(ROOT)} | settings
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runtime", "up"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
        started = Sale(
            folder=folder,
            api=f"http://127.0.0.1:{ports['FLASHSALE_PORT']}",
            sandbox=f"http://127.0.0.1:{ports['FLASHSALE_SANDBOX_PORT']}",
            process=process,
            environment=environment,
        )
        try:
            _wait_until_up(started)
            yield started
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
    assert process.returncode == 0
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def sale() -> Iterator[Sale]:
    with running_sale(FLASHSALE_API_PROCESSES="2") as started:
        yield started


@pytest.fixture
async def api(sale: Sale) -> AsyncIterator[Api]:
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(limits=limits) as client:
        yield Api(client, sale.api)


def _wait_until_up(sale: Sale) -> None:
    limit = time.monotonic() + START_SECONDS
    while not (sale.folder / ".flashsale" / "up.json").exists():
        told = (sale.folder / "up.log").read_text()
        assert sale.process.poll() is None, told
        assert time.monotonic() < limit, told
        time.sleep(0.1)
