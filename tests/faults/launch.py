"""`python -m tests.faults.launch <words of flashsale>`: the product, harmed by the environment.

FAULTS_MUTANT=name[,name]              take a safeguard out (mutants.py)
FAULTS_CRASH=file                      die at the point that the file names (crash_points.py)
FAULTS_PAUSE=name:before|after:s[,..]  wait so many seconds at each pass of a point
FAULTS_CLOCK=file                      be as many seconds ahead as the file says at the moment
FAULTS_DRAIN=s                         close a socket whose client has read nothing for so long
FAULTS_REBORN=1                        be started again, at once, whenever SIGKILL has ended it

The product itself knows nothing of all this: everything is patched from here. Its longest waits
are shortened in any case (haste.py).
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

from kit.clock import Clock
from runtime import reachable
from runtime.__main__ import main as flashsale
from tests.faults.crash_points import Trap, read_pauses, watch
from tests.faults.haste import hurry
from tests.faults.mutants import MUTANTS, apply, run_statements
from tests.faults.rewriting import Setter

_IMPORTED: Final = {"serve": ("graph.app",), "worker": ("runtime.worker",)}
_STARTING_SECONDS: Final = 30.0
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def harm(words: Sequence[str], environment: Mapping[str, str], *, put: Setter = setattr) -> None:
    """Patch this program as the environment says.

    Raises:
        DoesNotApply: the product has changed, and a patch with it.
        KeyError: there is no such mutant.
    """
    hurry(put)
    # A machine that runs a whole sale and its crowd takes its time to answer whoever starts.
    put(reachable, "ANSWER_SECONDS", _STARTING_SECONDS)
    for name in filter(None, environment.get("FAULTS_MUTANT", "").split(",")):
        apply(MUTANTS[name], put=put)
        run_statements(MUTANTS[name], environment.get("FLASHSALE_DATABASE_URL", ""))
    order = environment.get("FAULTS_CRASH", "")
    pauses = read_pauses(environment.get("FAULTS_PAUSE", ""))
    if order or pauses:
        trap = Trap(Path(order) if order else None, pauses)
        watch(trap, serves="serve" in words, put=put)
    if "FAULTS_DRAIN" in environment and "serve" in words:
        hurry_readers(float(environment["FAULTS_DRAIN"]), put=put)
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


def hurry_readers(seconds: float, *, put: Setter = setattr) -> None:
    """Shorten the half minute that a socket's client may take to read what waits for it."""
    board = import_module("graph.switchboard")
    put(board, "Pace", partial(board.Pace, drain_within=seconds))
    assert board.Pace().drain_within == seconds


def be_reborn(words: Sequence[str]) -> None:
    """Go on as a child; when it is killed, go on as another one that has everything imported.

    Starting Python takes seconds of a busy machine, forking takes none. The parent does nothing
    else, and ends as a child does that ends in any other way.
    """
    for module in _IMPORTED.get(words[0], ()):
        import_module(module)
    while True:
        child = os.fork()
        if child == 0:
            # As runtime/launch.py does: nobody outlives the harness.
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            for number in _PASSED_ON:
                signal.signal(number, signal.SIG_DFL)
            return
        for number in _PASSED_ON:
            signal.signal(number, partial(_pass_on, child))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != -signal.SIGKILL:
            sys.exit(abs(code))


def _pass_on(child: int, number: int, _frame: object) -> None:
    os.kill(child, number)


if __name__ == "__main__":
    harm(sys.argv[1:], os.environ)
    if os.environ.get("FAULTS_REBORN"):
        be_reborn(sys.argv[1:])
    flashsale()
