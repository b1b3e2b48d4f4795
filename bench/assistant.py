"""A child process that is told what to do, a line of JSON for each order and each answer."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import orjson

from runtime.child import launch_command

_LINE_BYTES: Final = 65_536
_STOP_SECONDS: Final = 10.0
_MEANWHILE_SECONDS: Final = 0.02

Command = dict[str, Any]
Answer = dict[str, Any]


class AssistantFailed(Exception):
    """It ended, or could not do what it was told."""


class Assistant:
    """`python -m MODULE` at the other end of two pipes. It ends when we end."""

    def __init__(self, module: str, *, environment: Mapping[str, str]) -> None:
        self._module = module
        self._environment = dict(environment)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", self._module]
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            launch_command(command, stop_signal=signal.SIGKILL, run_as=None),
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """Of the running process."""
        return self._process.pid

    def ask(self, do: str, **details: Any) -> Answer:  # noqa: ANN401 - whatever JSON can say
        """Give an order and wait for its answer."""
        self.begin(do, **details)
        return self.answer()

    def begin(self, do: str, **details: Any) -> None:  # noqa: ANN401 - whatever JSON can say
        """Give an order; `answer` waits for it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(orjson.dumps({"do": do, "with": details}) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise AssistantFailed(f"{self._module} has ended") from None

    def answer(self) -> Answer:
        """What came of the order that was given last.

        Raises:
            AssistantFailed: it ended over it.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssistantFailed(f"{self._module} has ended")
        told: Answer = orjson.loads(line)
        return told


def answer_lines(
    source: int,
    target: int,
    do: Callable[[Command], Answer],
    *,
    meanwhile: Callable[[float], None],
) -> None:
    """Answer each order that comes until there are no more, working on between them."""
    read = b""
    while True:
        if select.select([source], [], [], 0)[0]:
            data = os.read(source, _LINE_BYTES)
            if not data:
                return
            read += data
            while b"\n" in read:
                line, _, read = read.partition(b"\n")
                os.write(target, orjson.dumps(do(orjson.loads(line))) + b"\n")
        meanwhile(_MEANWHILE_SECONDS)
