"""Programs that the workloads run and that no wheel brings."""

import shutil
from collections.abc import Iterable, Mapping
from typing import Final

from runtime.problems import CannotStart

# What to install, by the program's name.
PACKAGES: Final[Mapping[str, str]] = {
    "wrk": "wrk",
    "nginx": "nginx-light",
    "redis-benchmark": "redis-tools",
    "pgbench": "postgresql-contrib or postgresql-15",
}
# Debian keeps servers where no user's PATH leads.
_SERVERS: Final = "/usr/sbin:/usr/local/sbin"


def find(program: str) -> str:
    """Where it is.

    Raises:
        CannotStart: it is not installed; one line that says what to install.
    """
    found = shutil.which(program) or shutil.which(program, path=_SERVERS)
    if found is None:
        raise CannotStart(
            f"The benchmark needs {program}, which is not installed: install {PACKAGES[program]}"
            " (apt-get install), or leave out the workloads that need it."
        )
    return found


def require(programs: Iterable[str]) -> None:
    """Refuse to begin without them.

    Raises:
        CannotStart: naming the first that is missing.
    """
    for program in programs:
        find(program)
