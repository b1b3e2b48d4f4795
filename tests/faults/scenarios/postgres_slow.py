"""Each fsync of Postgres takes 300 ms."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

import asyncpg
import psutil

from tests.faults.programs import Program, ProgramFailed
from tests.faults.promise_checks import frozen_holds_kept
from tests.faults.scenario import Run, Scenario

_SLOW_SECONDS = 12.0
_FSYNC_MS = 300


async def _slow(run: Run) -> None:
    async with _slow_fsync(run):
        run.history.mark("slow")
        await asyncio.sleep(_SLOW_SECONDS)
        run.history.mark("quick")
    run.note("fsync is as quick as before")


@asynccontextmanager
async def _slow_fsync(run: Run) -> AsyncIterator[None]:
    """Slow the system call down, where strace may; else have every commit wait in Postgres."""
    tracer = _tracer(run)
    if tracer is not None and await _starts(tracer):
        run.harmed(f"every fsync of postgres takes {_FSYNC_MS} ms more")
        try:
            yield
        finally:
            tracer.kill()  # the kernel lets the traced go on
    else:
        run.harmed("there is no strace: every commit waits 100 ms, the most that Postgres allows")
        await _commit_delay(run, microseconds=100_000, siblings=0)
        yield
        await _commit_delay(run, microseconds=0, siblings=5)


def _tracer(run: Run) -> Program | None:
    """An strace of the whole server, and of every session that it is going to start."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    server = psutil.Process(run.stack.postgres.pid)
    attached = [f"--attach={one.pid}" for one in (server, *server.children(recursive=True))]
    calls = "fsync,fdatasync"
    program = Program(
        "strace",
        [strace, "--follow-forks", f"--trace={calls}", "--quiet=exit,thread-execve",
         f"--inject={calls}:delay_enter={_FSYNC_MS}ms", *attached],
        folder=run.stack.folder,
        environment=run.stack.environment,
        ready=lambda: _has_attached(program, len(attached)),
    )  # fmt: skip
    run.stack.programs.append(program)
    return program


async def _starts(tracer: Program) -> bool:
    """Whether it may trace: a container can forbid it."""
    try:
        await tracer.start()
    except ProgramFailed:
        return False
    return True


async def _has_attached(program: Program, processes: int) -> bool:
    told = program.log.read_text() if program.log.exists() else ""
    return told.count("attached") >= processes or "sync(" in told


async def _commit_delay(run: Run, *, microseconds: int, siblings: int) -> None:
    connection = await asyncpg.connect(run.stack.where.database_url)
    try:
        await connection.execute(f"ALTER SYSTEM SET commit_delay = {microseconds}")
        await connection.execute(f"ALTER SYSTEM SET commit_siblings = {siblings}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


async def _verdict(run: Run) -> list[str]:
    """Slow is not away: orders go on, each a little later."""
    (slow,), (quick,) = run.history.moments("slow"), run.history.moments("quick")
    took = [
        one.answered - one.invoked
        for one in run.history.of("place")
        if one.outcome == "ok" and slow <= one.invoked <= quick and one.answered
    ]
    if not took:
        return ["while Postgres was slow, nobody could place an order"]
    run.note(f"{len(took)} orders while slow, median {median(took):.2f} s, most {max(took):.2f} s")
    return frozen_holds_kept(run.history)


SCENARIO = Scenario(
    name="postgres-slow",
    harm="300 ms per fsync",
    expected="latency grows, pools hold, excess is shed with TryLater or OVERLOADED",
    nemesis=_slow,
    verdict=_verdict,
)
