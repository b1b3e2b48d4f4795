"""`python -m tests.faults.launch <words of flashsale>`: the product, harmed by the environment.

FAULTS_MUTANT=name[,name]              take a safeguard out (mutants.py)
FAULTS_CRASH=file                      die at the point that the file names (crash_points.py)
FAULTS_PAUSE=name:before|after:s[,..]  wait so many seconds at each pass of a point
FAULTS_CLOCK=file                      be as many seconds ahead as the file says at the moment

The product itself knows nothing of all this: everything is patched from here. Its longest waits
are shortened in any case (haste.py).
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kit.clock import Clock
from runtime.__main__ import main as flashsale
from tests.faults.crash_points import Trap, read_pauses, watch
from tests.faults.haste import hurry
from tests.faults.mutants import MUTANTS, apply, run_statements
from tests.faults.rewriting import Setter


def harm(words: Sequence[str], environment: Mapping[str, str], *, put: Setter = setattr) -> None:
    """Patch this program as the environment says.

    Raises:
        DoesNotApply: the product has changed, and a patch with it.
        KeyError: there is no such mutant.
    """
    hurry(put)
    for name in filter(None, environment.get("FAULTS_MUTANT", "").split(",")):
        apply(MUTANTS[name], put=put)
        run_statements(MUTANTS[name], environment.get("FLASHSALE_DATABASE_URL", ""))
    order = environment.get("FAULTS_CRASH", "")
    pauses = read_pauses(environment.get("FAULTS_PAUSE", ""))
    if order or pauses:
        trap = Trap(Path(order) if order else None, pauses)
        watch(trap, serves="serve" in words, put=put)
    if "FAULTS_CLOCK" in environment:
        move_clock(Path(environment["FAULTS_CLOCK"]), put=put)


def move_clock(file: Path, *, put: Setter = setattr) -> None:
    """Have this program's wall clock follow a file; monotonic clocks go on as ever."""
    unmoved: Callable[[], float] = time.time

    def moved() -> float:
        return unmoved() + _ahead_seconds(file)

    def now(_clock: Clock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=_ahead_seconds(file))

    put(time, "time", moved)
    put(Clock, "now", now)


def _ahead_seconds(file: Path) -> float:
    try:
        return float(file.read_text() or 0)
    except FileNotFoundError:
        return 0.0


if __name__ == "__main__":
    harm(sys.argv[1:], os.environ)
    flashsale()
