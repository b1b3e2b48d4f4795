"""How fast Redis runs one of our scripts by itself: redis-benchmark, with what a server sent."""

import re
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bench.programs import find
from bench.wrk import CONNECTIONS

_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(?:x(?P<hex>[0-9a-f]{2})|(?P<char>.))")
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b"}
_READ_BYTES: Final = 65_536
_ANSWER_SECONDS: Final = 2.0
_REQUESTS: Final = 100_000
_BUYERS: Final = 1_000_000
_RANDOM: Final = "__rand_int__"


class NoScript(Exception):
    """Nothing of the kind was sent, or redis-benchmark could not repeat it."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Scripts a second by pipeline depth."""

    per_second: Mapping[int, float]


def sent_script(url: str, act: Callable[[], None], *, about: str) -> list[str]:
    """The words of the script with `about` in its keys that somebody ran while `act` did.

    Raises:
        NoScript: nobody did.
    """
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port), timeout=_ANSWER_SECONDS) as monitor:
        monitor.sendall(f"AUTH {at.password}\r\nMONITOR\r\n".encode())
        told = b""
        while told.count(b"+OK\r\n") < 2:  # noqa: PLR2004 - to each of the two
            told += monitor.recv(_READ_BYTES)
        act()
        monitor.settimeout(_ANSWER_SECONDS)
        try:
            while part := monitor.recv(_READ_BYTES):
                told += part
                for line in told.decode("latin-1").splitlines():
                    words = words_in(line)
                    if words and words[0].lower() == "evalsha" and about in " ".join(words[3:]):
                        return words
        except TimeoutError:
            pass
    raise NoScript(f"no script about {about} was sent")


def words_in(line: str) -> list[str]:
    """The words of one line of MONITOR."""
    return [_ESCAPED.sub(_plain, word) for word in _QUOTED.findall(line)]


def _plain(found: re.Match[str]) -> str:
    if found["hex"]:
        return chr(int(found["hex"], 16))
    return _CONTROLS.get(found["char"], found["char"])


def ceiling(
    url: str, words: list[str], *, buyer: str, depths: tuple[int, ...], requests: int = _REQUESTS
) -> Ceiling:
    """The rate of the script when each call is another buyer's, 32 connections at a time.

    Raises:
        CannotStart: redis-benchmark is not installed.
        NoScript: it cannot repeat these words.
    """
    varied = [word.replace(buyer, buyer[: -len(_RANDOM)] + _RANDOM) for word in words]
    assert varied != words, "the script is of no buyer"
    return Ceiling({depth: _benchmark(url, varied, depth, requests) for depth in depths})


def _benchmark(url: str, words: list[str], depth: int, requests: int) -> float:
    at = urlsplit(url)
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [
            find("redis-benchmark"), "-h", str(at.hostname), "-p", str(at.port),
            "-a", str(at.password), "-c", str(CONNECTIONS), "-n", str(requests), "-P", str(depth),
            "-r", str(_BUYERS), "--csv", *(word.encode("latin-1") for word in words),
        ],
        capture_output=True,
        check=False,
    )  # fmt: skip
    # The command with its quotes and commas, then seven numbers, of which the first is the rate.
    lines = [line for line in done.stdout.decode("latin-1").splitlines() if line.startswith('"')]
    if done.returncode or not lines:
        raise NoScript(f"redis-benchmark: {(done.stderr or done.stdout)[-200:]!r}")
    return float(lines[-1].rsplit('","', 7)[1])
