"""Closed-loop load by wrk, one thread of it: how much was answered, and what the asking cost."""

import os
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from bench.programs import find

CONNECTIONS: Final = 32
_SCRIPT: Final = Path(__file__).parent / "load.lua"
_PATIENCE_SECONDS: Final = 60.0
# A slow server on a busy machine is slow, not broken.
_ANSWER_SECONDS: Final = 10


class LoadFailed(Exception):
    """wrk ended without figures."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw.

    `failed` are answers of another status than 2xx and 3xx, `broken` connections that broke or
    timed out. Of buyers, answers are `accepted`, `refused` as sold out, or `other`, of which
    `example` is one; `first_accepted_ms` is Unix time. `cpu_seconds` are wrk's own.
    """

    requests: int
    seconds: float
    failed: int
    broken: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    accepted: int
    refused: int
    other: int
    first_accepted_ms: float | None
    example: str
    cpu_seconds: float

    @property
    def errors(self) -> int:
        """Everything that was no answer of the right status."""
        return self.failed + self.broken


@dataclass(frozen=True, slots=True)
class Buyers:
    """Files with a body that has $DEAL and $KEY in it, tokens and deals; the beginning of keys."""

    body: Path
    tokens: Path
    deals: Path
    key: str


def load(port: int, seconds: float, body: Path | Buyers, *, connections: int = CONNECTIONS) -> Load:
    """POST for so long, the same body or those of buyers.

    Raises:
        CannotStart: wrk is not installed.
        LoadFailed: it could not do it.
    """
    match body:
        case Buyers():
            words = ["buyers", str(body.body), str(body.tokens), str(body.deals), body.key]
        case Path():
            words = ["same", str(body)]
    return _run(port, seconds, words, connections=connections)


def load_page(port: int, seconds: float, path: str) -> Load:
    """GET a page for so long."""
    return _run(port, seconds, ["page", path], connections=CONNECTIONS)


def _run(port: int, seconds: float, words: list[str], *, connections: int) -> Load:
    used = _children_cpu()
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [
            find("wrk"),
            "--threads=1",
            f"--connections={connections}",
            f"--duration={max(round(seconds), 1)}s",
            f"--timeout={_ANSWER_SECONDS}s",
            f"--script={_SCRIPT}",
            f"http://127.0.0.1:{port}",
            "--",
            *words,
        ],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=seconds + _PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise LoadFailed(f"wrk ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
    return read_load(done.stdout, cpu_seconds=_children_cpu() - used)


def read_load(output: str, *, cpu_seconds: float) -> Load:
    """What the script's line among wrk's output says.

    Raises:
        LoadFailed: there is none.
    """
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadFailed(f"wrk told nothing: {output[-300:]}")
    told = orjson.loads(lines[-1])
    return Load(
        requests=round(told["requests"]),
        seconds=told["microseconds"] / 1e6,
        failed=round(told["failed"]),
        broken=round(told["broken"]),
        p50_ms=told["p50_us"] / 1e3,
        p99_ms=told["p99_us"] / 1e3,
        most_ms=told["most_us"] / 1e3,
        accepted=round(told["accepted"]),
        refused=round(told["refused"]),
        other=round(told["other"]),
        first_accepted_ms=told["first_accepted_ms"] or None,
        example=told["example"],
        cpu_seconds=cpu_seconds,
    )


def _children_cpu() -> float:
    """Of the children that have ended; no other ends while wrk runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
