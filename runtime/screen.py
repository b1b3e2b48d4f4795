"""What a person sees of a start: a spinner on a terminal, plain lines anywhere else."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


class Screen:
    """Lines on standard output, each flushed at once."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._began = time.monotonic()

    @contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """Shows `text`, then what it is told meanwhile, until the block ends."""
        if not self._console.is_terminal:
            self.say(f"{text} ...")
            yield lambda more: self.say(f"  {more}")
            return
        with self._console.status(text) as status:
            yield lambda more: status.update(f"{text}: {more}")

    def done(self, text: str) -> None:
        """A step that is finished, with the seconds since the beginning."""
        seconds = time.monotonic() - self._began
        self._console.print(f"[green]ok[/green] {seconds:5.1f} s  {text}")

    def say(self, text: str) -> None:
        """A line as it is."""
        self._console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """A line about something that went wrong and is being put right."""
        self._console.print(f"[yellow]{text}[/yellow]")
