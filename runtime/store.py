"""What the three embedded stores have in common: a folder, a lock, a port, a child process."""

import fcntl
import os
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from runtime.child import Child, RunAs
from runtime.logs import last_lines, last_words
from runtime.ports import free_port
from runtime.problems import CannotStart
from runtime.programs import package_of_missing_library

# Recovery after a crash replays a log; a demo's is read in seconds even on a slow disk.
READY_SECONDS = 60.0
# A store that an earlier run left behind is already shutting down: the kernel told it to.
_LEFTOVER_SECONDS = 30.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02


class EmbeddedStore(ABC):
    """One server on loopback, with its data in `folder`/<name>.

    A lock file is open in the server itself: the lock is free when the last process of it is
    gone, whoever started it, so two servers never share one data folder.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, *, password: str, preferred_port: int | None) -> None:
        self.folder = folder / self.name
        self.log = folder / "logs" / f"{self.name}.log"
        self.port = free_port(preferred_port)
        self._lock_path = folder / f"{self.name}.lock"
        self._password = password
        self._child: Child | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """What the setting of this store takes; holds its password."""

    @property
    def pid(self) -> int | None:
        """Of the running server."""
        return None if self._child is None else self._child.pid

    def run_as(self) -> RunAs | None:
        """The user it runs as; None: the present one."""
        return None

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder if there is none. Called with the lock held."""

    @abstractmethod
    def command(self) -> list[str]:
        """The server's command line."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves."""

    @abstractmethod
    def open(self) -> None:
        """What is due once per start, when it answers for the first time."""

    def start(self) -> None:
        """Start the server; `wait_until_ready` comes next.

        Raises:
            CannotStart: another run still has the data, or it could not be prepared.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(exist_ok=True)
        lock = self._take_lock()
        try:
            self.prepare()
            self._child = Child(
                self.command(),
                folder=self.folder,
                log=self.log,
                stop_signal=self.stop_signal,
                run_as=self.run_as(),
                inherited=(lock,),
            )
        finally:
            os.close(lock)

    def wait_until_ready(self) -> None:
        """Wait until it serves, at most `READY_SECONDS`.

        Raises:
            CannotStart: it ended or did not answer; with the reason from its log.
        """
        limit = time.monotonic() + READY_SECONDS
        while not self.answers():
            if self.has_died():
                raise CannotStart(f"{self.title} did not start: {self._reason()}")
            if time.monotonic() > limit:
                raise CannotStart(
                    f"{self.title} does not answer after {READY_SECONDS:.0f} s. See {self.log}."
                )
            time.sleep(_POLL_SECONDS)
        self.open()

    def has_died(self) -> bool:
        """Whether a server that was started has ended without being asked to."""
        return self._child is not None and self._child.exit_code is not None

    def ask_to_stop(self) -> None:
        """Tell it to stop. May be repeated."""
        if self._child is not None:
            self._child.ask_to_stop()

    def stop(self) -> None:
        """Stop it and wait for its end. May be repeated."""
        if self._child is not None:
            self._child.stop(_STOP_SECONDS)
            self._child = None

    def _take_lock(self) -> int:
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        limit = time.monotonic() + _LEFTOVER_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > limit:
                    os.close(lock)
                    raise CannotStart(
                        f"{self.title} of another run still uses {self.folder}. Stop that first."
                    ) from None
                time.sleep(_POLL_SECONDS)
            else:
                return lock

    def _reason(self) -> str:
        told = last_lines(self.log)
        for line in reversed(told):
            package = package_of_missing_library(line)
            if package is not None:
                return f"a library is missing. Install it with `apt-get install {package}`."
        return last_words(self.log)
