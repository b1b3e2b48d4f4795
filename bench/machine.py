"""What a report says about where it was measured: machine, versions, commit."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Final

import orjson

from bench.contenders import PEERS
from bench.programs import find

_ROOT: Final = Path(__file__).parents[1]
_PACKAGES: Final = (
    "strawberry-graphql", "uvicorn", "uvloop", "httptools", "websockets", "starlette", "redis",
    "orjson",
)  # fmt: skip
# How each program tells its version, on whichever of its outputs.
_PROGRAMS: Final = {
    "wrk": "-v", "nginx": "-v", "redis-benchmark": "--version", "pgbench": "--version",
}  # fmt: skip


def machine() -> dict[str, str]:
    """The processors, the memory, the kernel, and how busy it was before."""
    names = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    }
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "processors": f"{len(os.sched_getaffinity(0))} x {', '.join(sorted(names)) or 'unknown'}",
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load before the run": f"{os.getloadavg()[0]:.1f} (1 minute)",
    }


def versions(programs: Iterable[str], *, peers: bool) -> dict[str, str]:
    """Of all that was measured, and of the programs that measured it."""
    told = {"Python": platform.python_version()}
    told.update({name: version(name) for name in _PACKAGES})
    if peers:
        pinned = orjson.loads((PEERS / "package.json").read_bytes())["dependencies"]
        told["Node.js"] = _said("node", "--version").lstrip("v")
        told.update({name: str(number) for name, number in pinned.items()})
    for program in sorted(set(programs)):
        words = _said(find(program), _PROGRAMS[program])
        number = re.search(r"\d+\.[\d.]+", words)
        told[program] = number[0] if number else words
    return told


def commit() -> str:
    """The commit that was measured, marked when the tree differs from it."""
    name = _said("git", "rev-parse", "--short=9", "HEAD") or "unknown"
    changed = _said("git", "status", "--porcelain", "--untracked-files=no", "--", ":!bench/results")
    return f"{name}-changed" if changed else name


def _said(program: str, *words: str) -> str:
    found = shutil.which(program)
    if found is None:
        return ""
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [found, *words],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.strip()
