"""A child process that cannot outlive us."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class RunAs:
    """A user of the operating system; Postgres refuses to run as root."""

    uid: int
    gid: int


class Child:
    """One started process in a session of its own: a Ctrl-C in the terminal does not reach it.

    The kernel sends it `stop_signal` when the thread that started it ends, however that
    happens; so start children from the main thread.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        log: Path | None,
        stop_signal: signal.Signals = signal.SIGTERM,
        environment: Mapping[str, str] | None = None,
        run_as: RunAs | None = None,
        inherited: tuple[int, ...] = (),
    ) -> None:
        """Start `command`, whose first word is an absolute path.

        Both of its outputs go to `log`; None: to where ours go.
        """
        self._stop_signal = stop_signal
        with contextlib.ExitStack() as opened:
            output = None if log is None else opened.enter_context(log.open("ab"))
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                launch_command(command, stop_signal=stop_signal, run_as=run_as),
                cwd=folder,
                env=dict(os.environ if environment is None else environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=True,
                pass_fds=inherited,
            )

    @property
    def pid(self) -> int:
        """The operating system's number of this process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send the stop signal. May be repeated."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)

    def wait(self, seconds: float) -> None:
        """Wait for the end, at most `seconds`; then it is killed."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def stop(self, seconds: float) -> None:
        """Ask, wait, and kill after `seconds`. May be repeated."""
        self.ask_to_stop()
        self.wait(seconds)


def launch_command(
    command: Sequence[str], *, stop_signal: signal.Signals, run_as: RunAs | None
) -> list[str]:
    """`command` behind the launcher that ties it to this process."""
    user = run_as or RunAs(os.geteuid(), os.getegid())
    words = [os.getpid(), int(stop_signal), user.uid, user.gid]
    # -I -S: bare Python, a tenth of the start-up; the launcher imports nothing of ours.
    return [sys.executable, "-I", "-S", str(_LAUNCH), *map(str, words), *command]
