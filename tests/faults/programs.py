"""Programs that a scenario starts, kills, freezes and starts again; none outlives the harness."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import psutil

from runtime.child import RunAs, launch_command
from runtime.logs import last_lines

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.02
_MOST_ENDING_SECONDS: Final = 10.0

Ready = Callable[[], Awaitable[bool]]


class ProgramFailed(Exception):
    """A program did not start or ended by itself; the message holds its last words."""


class Program:
    """One program in a session of its own, with everything that it has started itself.

    Should the harness be killed, the kernel kills the program.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        ready: Ready,
        before: Callable[[], None] = lambda: None,
        run_as: RunAs | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """`before` runs before each start; `ready` tells whether it serves."""
        self.name = name
        self.folder = folder
        self.log = folder / f"{name}.log"
        self.command = list(command)
        self.environment = dict(environment)
        self._ready = ready
        self._before = before
        self._run_as = run_as
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._told_before = 0
        self.ended = False
        """Whether it is over, or will be soon, because the harness wanted it."""

    @property
    def pid(self) -> int:
        """Of the program that was started last."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended; a frozen one is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return None if self._process is None else self._process.poll()

    def launch(self) -> None:
        """Start it, and do not wait."""
        assert not self.running, f"{self.name} runs already"
        self._before()
        self.ended = False
        with self.log.open("ab") as log:
            self._told_before = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                launch_command(self.command, stop_signal=signal.SIGKILL, run_as=self._run_as),
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            ProgramFailed: it ended before, or takes too long.
        """
        self.launch()
        await self.wait_until_ready()

    async def wait_until_ready(self) -> None:
        """Wait until it serves.

        Raises:
            ProgramFailed: it ended before, or takes too long.
        """
        limit = monotonic() + READY_SECONDS
        while not await self._ready():
            if not self.running or monotonic() > limit:
                raise ProgramFailed(f"{self.name} did not start: {self.last_words()}")
            await asyncio.sleep(_LOOK_SECONDS)

    def kill(self) -> None:
        """SIGKILL, to it and to everything that it has started; returns when all are gone."""
        if self._process is None:
            return
        self.ended = True
        self._everybody(signal.SIGKILL)
        self._process.wait(_MOST_ENDING_SECONDS)

    def freeze(self) -> None:
        """SIGSTOP, to it and to everything that it has started."""
        self._everybody(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT, to all of them."""
        self._everybody(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        """Send the stop signal to the program itself."""
        self.ended = True
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self._stop_signal)

    async def stop(self, seconds: float = STOP_SECONDS) -> int | None:
        """Ask it to stop and wait; who is not gone by then is killed. The exit code."""
        self.ask_to_stop()
        await self.wait(seconds)
        self.kill()
        return self.exit_code

    async def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it came in time."""
        limit = monotonic() + seconds
        while self.running and monotonic() < limit:
            await asyncio.sleep(_LOOK_SECONDS)
        return not self.running

    async def restart(self) -> None:
        """Kill it, start it again with the same command, wait until it is ready."""
        self.kill()
        await self.start()

    def has_said(self, words: str) -> bool:
        """Whether its log holds these words since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._told_before)
            return words.encode() in log.read()

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        return "\n".join(last_lines(self.log)[-lines:])

    def _everybody(self, number: signal.Signals) -> None:
        """Signal the whole tree; Postgres gives each of its children a session of its own."""
        if not self.running:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            program = psutil.Process(self.pid)
            if number is signal.SIGKILL:
                program.suspend()  # no new children while the others are counted
            everybody = [*program.children(recursive=True), program]
            for one in everybody:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.send_signal(number)
            if number is signal.SIGKILL:
                _wait_until_gone(everybody[:-1])


def _wait_until_gone(killed: Sequence[psutil.Process]) -> None:
    """Wait until they do nothing more; whether somebody collects the dead is not our affair."""
    limit = monotonic() + _MOST_ENDING_SECONDS
    for one in killed:
        with contextlib.suppress(psutil.NoSuchProcess):
            while one.status() != psutil.STATUS_ZOMBIE:
                assert monotonic() < limit, f"{one} outlives SIGKILL"
                sleep(_LOOK_SECONDS / 10)
