"""The servers that are compared: each a process of its own, with how an event reaches it."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.static_site import static_site
from runtime.child import Child
from runtime.logs import last_words
from runtime.ports import free_port
from runtime.problems import CannotStart

PEERS: Final = Path(__file__).parent / "peers"
OURS: Final = "ours"
RAW: Final = "raw"
GRAPHQL_WS: Final = "graphql-ws"
STRAWBERRY: Final = "Strawberry"
RAW_POST: Final = "raw POST"
MERCURIUS: Final = "Mercurius JIT"
YOGA: Final = "Yoga + cache"
NGINX: Final = "nginx"

_READY_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 15.0
_COLLECT_SECONDS: Final = 30.0


@dataclass(slots=True)
class Contender:
    """One running server."""

    name: str
    port: int
    child: Child
    log: Path

    @property
    def pid(self) -> int:
        """Of the process that serves."""
        return self.child.pid

    @property
    def is_ours(self) -> bool:
        """Whether events reach it by Redis; the others get theirs by POST."""
        return self.name == OURS

    def wait_until_ready(self) -> None:
        """Wait until it answers.

        Raises:
            CannotStart: it ended, or takes too long.
        """
        limit = time.monotonic() + _READY_SECONDS
        while self.page("/healthz") is None:
            if self.child.exit_code is not None or time.monotonic() > limit:
                raise CannotStart(f"{self.name} did not start: {last_words(self.log)}")
            time.sleep(_LOOK_SECONDS)

    def page(self, path: str, *, post: bool = False) -> str | None:
        """What it answers to one request; None when it does not answer 200."""
        return self.ask(path, b"" if post else None)

    def ask(self, path: str, body: bytes | None, *, token: str = "") -> str | None:
        """The same with a body of JSON, and for the buyer of a token; without one, a GET."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=_COLLECT_SECONDS) as answer:  # noqa: S310
                told: bytes = answer.read()
        except (urllib.error.URLError, OSError):
            return None
        return told.decode()

    def counted(self, name: str) -> float:
        """One of our own counters, all its labels together.

        Raises:
            LookupError: it is not told.
        """
        lines = (self.page("/metrics") or "").splitlines()
        values = [
            line.rpartition(" ")[2] for line in lines if line.startswith((f"{name} ", name + "{"))
        ]
        if not values:
            raise LookupError(f"{self.name} does not count {name}")
        return sum(map(float, values))

    def stop(self) -> None:
        """Stop it and wait for its end."""
        self.child.ask_to_stop()
        self.child.stop(_STOP_SECONDS)


def start(name: str, *, folder: Path, environment: Mapping[str, str]) -> Contender:
    """Start a contender and wait until it serves; whoever calls stops it."""
    port = free_port()
    log = folder / f"{name.lower().replace(' ', '-')}-{port}.log"
    child = Child(
        _command(name, port, folder),
        folder=folder,
        log=log,
        stop_signal=signal.SIGTERM,
        environment={**environment, "NODE_ENV": "production"},
    )
    contender = Contender(name, port, child, log)
    try:
        contender.wait_until_ready()
    except BaseException:
        contender.stop()
        raise
    return contender


def _command(name: str, port: int, folder: Path) -> list[str]:
    match name:
        case "ours":
            return [sys.executable, "-m", "runtime", "serve", "--port", str(port)]
        case "graphql-ws":
            return _node("graphql_ws.mjs", port)
        case "Mercurius JIT":
            return _node("mercurius.mjs", port)
        case "Yoga + cache":
            return _node("yoga.mjs", port)
        case "Strawberry":
            return [sys.executable, str(PEERS / "strawberry_app.py"), str(port)]
        case "raw":
            return [sys.executable, str(PEERS / "raw_app.py"), str(port)]
        case "raw POST":
            return [sys.executable, str(PEERS / "raw_app.py"), str(port), "echo"]
        case "nginx":
            return static_site(folder, port)
        case _:
            raise AssertionError(f"nobody is called {name}")


def _node(script: str, port: int) -> list[str]:
    node = shutil.which("node")
    assert node is not None, "require_node comes first"
    return [node, "--expose-gc", str(PEERS / script), str(port)]


def require_node() -> None:
    """Refuse to begin without the programs that the peers need.

    Raises:
        CannotStart: naming what is missing.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise CannotStart(
                f"The peers need {program}, which is not installed: install Node.js 20 or later,"
                " or measure without them (--no-peers)."
            )


def install_peers() -> None:
    """Install exactly what bench/peers/package-lock.json says.

    Raises:
        CannotStart: npm could not.
    """
    npm = shutil.which("npm")
    assert npm is not None, "require_node comes first"
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [npm, "ci", "--no-audit", "--no-fund"],
        cwd=PEERS,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise CannotStart(f"npm ci failed in bench/peers: {last[0]}")
