"""Our own processes as children: started, watched, started again, stopped."""

import http.client
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.child import Child
from runtime.logs import last_words
from runtime.problems import CannotStart

# An API process with no store to wait for is up in two seconds; a busy machine needs more.
READY_SECONDS = 60.0
# Requests in flight may finish; uvicorn gives them half of this.
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05
_RESTARTS = 8
_RESTARTS_SECONDS = 60.0


class Service:
    """One `python -m runtime ...` and, where it serves HTTP, the address that says it is ready."""

    def __init__(
        self,
        title: str,
        words: Sequence[str],
        *,
        folder: Path,
        log: Path | None,
        environment: Mapping[str, str],
        sockets: tuple[int, ...] = (),
        probe: tuple[str, int, str] | None = None,
    ) -> None:
        """`probe` is host, port and path of what answers 200 when it is ready."""
        self.title = title
        self.log = log
        self._words = tuple(words)
        self._folder = folder
        self._environment = environment
        self._sockets = sockets
        self._probe = probe
        self._child: Child | None = None
        self._restarts: deque[float] = deque(maxlen=_RESTARTS)

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start it; does not wait."""
        self._child = Child(
            [sys.executable, "-m", "runtime", *self._words],
            folder=self._folder,
            log=self.log,
            stop_signal=signal.SIGTERM,
            environment=self._environment,
            inherited=self._sockets,
        )

    def wait_until_ready(self) -> None:
        """Wait for its probe's 200, at most `READY_SECONDS`.

        Raises:
            CannotStart: it ended before, or it takes too long; with its last words.
        """
        limit = time.monotonic() + READY_SECONDS
        while self._probe is not None and not _answers(*self._probe):
            if self.has_died():
                raise CannotStart(f"{self.title} did not start: {last_words(self.log)}")
            if time.monotonic() > limit:
                raise CannotStart(f"{self.title} is not ready after a minute. See {self.log}.")
            time.sleep(_POLL_SECONDS)

    def has_died(self) -> bool:
        """Whether it was started and has ended without being asked to."""
        return self._child is not None and self._child.exit_code is not None

    def restart_if_dead(self) -> bool:
        """Start it again if it has died; whether that was so. Does not wait.

        Raises:
            CannotStart: it dies over and over.
        """
        if not self.has_died():
            return False
        now = time.monotonic()
        if len(self._restarts) == _RESTARTS and now - self._restarts[0] < _RESTARTS_SECONDS:
            raise CannotStart(f"{self.title} keeps dying: {last_words(self.log)}")
        self._restarts.append(now)
        self.start()
        return True

    def ask_to_stop(self) -> None:
        """Tell it to stop. May be repeated."""
        if self._child is not None:
            self._child.ask_to_stop()

    def stop(self) -> None:
        """Stop it and wait for its end. May be repeated."""
        if self._child is not None:
            self._child.stop(STOP_SECONDS)
            self._child = None


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
