"""`flashsale up`: one process that starts, watches and stops all the others."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from kit.settings import Settings
from runtime.folder import WorkFolder

WaitFor = Callable[[Callable[[], bool]], None]
IsGone = Callable[[int], bool]


@dataclass
class RunningUp:
    """An `up` in a folder of its own, on ports of its own."""

    folder: Path
    port: int
    sandbox_port: int
    process: subprocess.Popen[str]
    seen: list[str] = field(default_factory=list)

    def wait_until_up(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append(line)
            if "Ctrl-C stops everything" in line:
                return
        pytest.fail("up ended: " + "".join(self.seen))

    def children(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def child(self, *words: str) -> int:
        """The one child whose command line has these words in a row."""
        found = [
            child.pid
            for child in psutil.Process(self.process.pid).children()
            if " ".join(words) in " ".join(child.cmdline())
        ]
        assert len(found) == 1
        return found[0]

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def rest(self) -> str:
        """What it says until it ends."""
        assert self.process.stdout is not None
        return self.process.stdout.read()


StartUp = Callable[..., RunningUp]


@pytest.fixture
def start_up(folder: Path) -> Iterator[StartUp]:
    """Starts `up`; whatever is left of it after the test is killed."""
    with ExitStack() as started:

        def start(environment: dict[str, str]) -> RunningUp:
            port, sandbox_port = _free_ports()
            process = started.enter_context(
                subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-m", "runtime", "up", "--port", str(port),
                     "--sandbox-port", str(sandbox_port)],
                    cwd=folder, env=environment, text=True, start_new_session=True,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )
            )  # fmt: skip
            started.callback(process.kill)
            up = RunningUp(folder, port, sandbox_port, process)
            up.wait_until_up()
            return up

        yield start


@pytest.fixture
def with_provider(bare_environment: dict[str, str], settings: Settings) -> dict[str, str]:
    """The environment of a deployment that has a payment provider, but no stores."""
    return {
        **bare_environment,
        "FLASHSALE_STRIPE_API_BASE": settings.stripe_api_base,
        "FLASHSALE_STRIPE_API_KEY": settings.stripe_api_key.get_secret_value(),
        "FLASHSALE_STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret.get_secret_value(),
    }


def test_what_is_killed_runs_again_and_sigterm_stops_everything(
    start_up: StartUp, with_provider: dict[str, str], wait_for: WaitFor, is_gone: IsGone
) -> None:
    up = start_up(with_provider)
    assert up.get("/readyz")[0] == 200

    killed = [up.child("-m runtime serve"), up.child("-m runtime worker"), up.child("valkey")]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    # The port was never given up: a request waits for the next process instead of being refused.
    wait_for(lambda: up.get("/readyz")[0] == 200)
    wait_for(lambda: not set(killed) & set(up.children()) and len(up.children()) >= 5)
    assert WorkFolder(up.folder).find_running() is not None

    everything = up.children()
    up.process.send_signal(signal.SIGTERM)
    said = up.rest()
    assert up.process.wait(30) == 0, said
    assert "The API had died; it was started again." in said
    assert "Valkey had died; it runs again, with its data." in said
    assert said.endswith("Stopped. The data is kept.\n")
    assert all(is_gone(pid) for pid in everything)
    assert WorkFolder(up.folder).find_running() is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGHUP])
def test_nothing_outlives_up_however_it_ends(
    start_up: StartUp,
    store_environment: dict[str, str],
    wait_for: WaitFor,
    is_gone: IsGone,
    number: signal.Signals,
) -> None:
    up = start_up(store_environment)
    everything = up.children()
    # As a terminal does on Ctrl-C: to the whole group, in which only `up` is.
    os.killpg(up.process.pid, number)
    assert up.process.wait(30) == (-number if number == signal.SIGKILL else 0)
    wait_for(lambda: all(is_gone(pid) for pid in everything))


def test_what_has_a_url_is_not_started(
    start_up: StartUp, store_environment: dict[str, str]
) -> None:
    up = start_up(store_environment)
    assert up.child("-m runtime serve")
    assert up.child("-m runtime worker")
    assert len(up.children()) == 2
    running = WorkFolder(up.folder).find_running()
    assert running is not None
    assert running.environment == {
        key: value for key, value in store_environment.items() if key.startswith("FLASHSALE_")
    } | {"FLASHSALE_SECRET_KEY": running.environment["FLASHSALE_SECRET_KEY"]}
    assert not (up.folder / ".flashsale" / "postgres").exists()


@pytest.mark.timeout(400)
def test_the_second_start_keeps_the_data_and_loads_no_second_demo(
    start_up: StartUp, bare_environment: dict[str, str]
) -> None:
    titles: list[list[str]] = []
    for _ in range(2):
        up = start_up(bare_environment)
        query = "/graphql?query=%7Bdeals(phase:null,first:100)%7Bnodes%7Btitle%7D%7D%7D"
        status, body = up.get(query)
        assert status == 200
        titles.append(sorted(deal["title"] for deal in json.loads(body)["data"]["deals"]["nodes"]))
        verified = subprocess.run(
            [sys.executable, "-m", "runtime", "verify"],
            cwd=up.folder, env=bare_environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert verified.returncode == 0, verified.stderr
        assert verified.stdout.endswith(f"{len(titles[0])} deals proven, 0 broken.\n")
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(30) == 0
    assert len(titles[0]) >= 40
    assert titles[1] == titles[0]


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
