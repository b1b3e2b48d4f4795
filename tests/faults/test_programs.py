"""Programs end with everything that they have started, and a frozen one does nothing."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.faults.programs import Program, ProgramFailed

# A parent, and a child in a session of its own, as Postgres does it; both count for ever.
FAMILY = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
print("ready" if os.getsid(0) == os.getpid() else "?", flush=True)
while True:
    sys.stdout.write("."), sys.stdout.flush()
    time.sleep(0.005)
"""
COUNTED_SECONDS = 0.2


def program(folder: Path, text: str) -> Program:
    made: Program

    async def ready() -> bool:
        return made.has_said("ready")

    made = Program(
        "family", [sys.executable, "-c", text], folder=folder, environment={}, ready=ready
    )
    return made


@pytest.fixture
async def family(tmp_path: Path) -> AsyncIterator[Program]:
    started = program(tmp_path, FAMILY)
    await started.start()
    yield started
    started.kill()


def everybody(family: Program) -> list[psutil.Process]:
    parent = psutil.Process(family.pid)
    return [parent, *parent.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


async def until_family_of_two(family: Program) -> list[psutil.Process]:
    async with asyncio.timeout(5.0):
        while len(found := everybody(family)) < 2 or os.getsid(found[1].pid) != found[1].pid:
            await asyncio.sleep(0.01)
    return found


async def test_kill_ends_children_in_sessions_of_their_own(family: Program) -> None:
    processes = await until_family_of_two(family)
    family.kill()
    assert alive(processes) == []
    assert (family.running, family.exit_code, family.ended) == (False, -9, True)


async def test_frozen_program_says_nothing_until_it_is_thawed(family: Program) -> None:
    await until_family_of_two(family)
    family.freeze()
    said = family.log.stat().st_size
    await asyncio.sleep(COUNTED_SECONDS)
    assert family.log.stat().st_size == said
    family.thaw()
    async with asyncio.timeout(5.0):
        while family.log.stat().st_size == said:
            await asyncio.sleep(0.01)


async def test_program_that_ends_by_itself_was_not_ended(tmp_path: Path) -> None:
    short = program(tmp_path, "print('ready', flush=True)")
    await short.start()
    assert await short.wait(5.0)
    assert (short.exit_code, short.ended) == (0, False)


async def test_program_that_does_not_start_tells_why(tmp_path: Path) -> None:
    broken = program(tmp_path, "raise SystemExit('no stores here')")
    with pytest.raises(ProgramFailed, match="no stores here"):
        await broken.start()


async def test_what_an_earlier_life_has_said_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "family.log").write_text("ready\n")
    silent = program(tmp_path, "import time; time.sleep(60)")
    silent.launch()
    assert not silent.has_said("ready")
    silent.kill()
