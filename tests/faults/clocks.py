"""Moves the clocks of programs: our own by the launcher, the stores' by Debian's libfaketime."""

import contextlib
from pathlib import Path
from typing import Final

from tests.faults.programs import Program

APP_CLOCK: Final = "clock"
"""The file that FAULTS_CLOCK names, in the folder of a run."""

_SHARED: Final = Path("/dev/shm")  # noqa: S108 - where the library keeps what its processes share


class NoFaketime(Exception):
    """libfaketime is not installed: the clock of a store cannot be moved."""


class StoreClock:
    """The wall clock of a store as all its processes see it; monotonic time goes on as ever.

    The store is stopped in order and started anew behind the library.
    """

    def __init__(self, store: Program) -> None:
        """Raise NoFaketime where Debian's package faketime is missing."""
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        if not found:
            raise NoFaketime
        self._store = store
        self._file = store.folder / "faketime"
        self._variables = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    async def install(self) -> None:
        """Start the store behind the library."""
        self.move(0)
        self._file.chmod(0o644)
        await self._store.stop()
        given = [f"{name}={value}" for name, value in self._variables.items()]
        # Not in our own launcher: it is still root when the library opens what it shares.
        self._store.command[:0] = ["/usr/bin/env", *given]
        await self._store.start()
        # A store that is killed would leave these behind; whoever shares them has them open.
        for name in ("faketime_shm_", "sem.faketime_sem_"):
            with contextlib.suppress(FileNotFoundError):
                (_SHARED / f"{name}{self._store.pid}").unlink()

    def move(self, seconds: int) -> None:
        """Be so many seconds ahead of the true time; behind, when negative."""
        _write(self._file, f"{seconds:+d}s\n")


def move_app(folder: Path, seconds: int) -> None:
    """Move the clocks of our own programs, which run with FAULTS_CLOCK=APP_CLOCK."""
    _write(folder / APP_CLOCK, str(seconds))


def _write(file: Path, text: str) -> None:
    """At once, or a reader finds half of it."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o644)
    fresh.rename(file)
