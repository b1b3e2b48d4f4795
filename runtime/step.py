"""One command run to its end on the way up, with its progress passed on."""

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runtime.child import launch_command
from runtime.logs import last_words
from runtime.problems import CannotStart


def run_step(
    title: str,
    words: Sequence[str],
    *,
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
    tell: Callable[[str], None],
) -> None:
    """Run `python -m runtime <words>`; `tell` hears each line of its standard output.

    Raises:
        CannotStart: it failed; with its last words from `log`, which has its standard error.
    """
    command = [sys.executable, "-m", "runtime", *words]
    with (
        log.open("ab") as errors,
        subprocess.Popen(  # noqa: S603 - our own command, no shell
            launch_command(command, stop_signal=signal.SIGTERM, run_as=None),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                tell(line.rstrip())
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise CannotStart(f"{title} failed: {last_words(log)}")
