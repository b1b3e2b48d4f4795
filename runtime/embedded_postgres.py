"""PostgreSQL as an embedded store."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from runtime.child import RunAs, launch_command
from runtime.problems import CannotStart
from runtime.programs import find_postgres, package_of_missing_library
from runtime.store import EmbeddedStore

# Postgres refuses to run as root. Every Linux knows this user; none has to be made.
_WHEN_ROOT = "nobody"
_USER = "flashsale"
_DATABASE = "flashsale"
_TRAVERSE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
# Several API processes and workers, each with a pool or two.
_CONNECTIONS = 200


class EmbeddedPostgres(EmbeddedStore):
    """PostgreSQL over TCP on loopback, with fsync on and a password."""

    name: ClassVar[str] = "postgres"
    title: ClassVar[str] = "PostgreSQL"
    # "Fast" shutdown: sessions are ended, data is written; SIGTERM would wait for every client.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(self, folder: Path, *, password: str, preferred_port: int | None) -> None:
        self._programs = find_postgres()
        super().__init__(folder, password=password, preferred_port=preferred_port)

    @property
    def url(self) -> str:
        """For asyncpg."""
        return f"postgresql://{_USER}:{quote(self._password)}@127.0.0.1:{self.port}/{_DATABASE}"

    def run_as(self) -> RunAs | None:
        """A user without rights when started by root."""
        if os.geteuid() != 0:
            return None
        user = pwd.getpwnam(_WHEN_ROOT)
        return RunAs(user.pw_uid, user.pw_gid)

    def prepare(self) -> None:
        """Run initdb once; a run that was interrupted leaves no half-made data behind."""
        user = self.run_as()
        if user is not None:
            os.chown(self.folder, user.uid, user.gid)
            _let_through(self.folder)
            _let_through(self._programs)
        data = self.folder / "data"
        # The lock is ours, so no server uses this folder; the number in the file may meanwhile
        # belong to somebody else, whom Postgres would take for a server.
        (data / "postmaster.pid").unlink(missing_ok=True)
        if not data.exists():
            self._init(data, user)

    def command(self) -> list[str]:
        """All settings that matter, so that a data folder carries none."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            # A socket's path may be 107 bytes long; a checkout's folder may be longer.
            "unix_socket_directories": "",
            "max_connections": str(_CONNECTIONS),
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        words = [str(self._programs / "postgres"), "-D", str(self.folder / "data")]
        for key, value in settings.items():
            words += ["-c", f"{key}={value}"]
        return words

    def answers(self) -> bool:
        """Whether the last line of its pid file says ready."""
        try:
            return (self.folder / "data" / "postmaster.pid").read_text().rstrip().endswith("ready")
        except FileNotFoundError:
            return False

    def open(self) -> None:
        """Nothing is due."""

    def _init(self, data: Path, user: RunAs | None) -> None:
        made = self.folder / "data.new"
        shutil.rmtree(made, ignore_errors=True)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._password)
        if user is not None:
            os.chown(password, user.uid, user.gid)
        command = [
            str(self._programs / "initdb"), "-D", str(made), "--username", _USER,
            "--pwfile", str(password), "--auth", "scram-sha-256",
            # The same order everywhere, whatever the machine's locale.
            "--no-locale", "--encoding", "UTF8",
        ]  # fmt: skip
        try:
            self._run(command, user)
        finally:
            password.unlink()
        single = [str(self._programs / "postgres"), "--single", "-D", str(made), "postgres"]
        self._run(single, user, told=f"CREATE DATABASE {_DATABASE}\n")
        made.rename(data)

    def _run(self, command: list[str], user: RunAs | None, *, told: str = "") -> None:
        try:
            subprocess.run(  # noqa: S603 - our own command, no shell
                launch_command(command, stop_signal=signal.SIGKILL, run_as=user),
                cwd=self.folder, env=_plain_environment(), check=True, input=told,
                capture_output=True, text=True, start_new_session=True,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            raise CannotStart(f"PostgreSQL could not be set up: {_why(error.stderr)}") from None


def _let_through(folder: Path) -> None:
    """Let another user pass through the folders above; not list them, not read in them."""
    for above in (folder, *folder.parents):
        mode = above.stat().st_mode
        if mode & _TRAVERSE != _TRAVERSE:
            above.chmod(mode | _TRAVERSE)
            if above != folder:
                sys.stderr.write(f"Opened {above} (chmod a+x) for PostgreSQL, which isn't root.\n")


def _plain_environment() -> dict[str, str]:
    """Without the PG* variables of whoever started us."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}


def _why(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        package = package_of_missing_library(line)
        if package is not None:
            return f"a library is missing. Install it with `apt-get install {package}`."
    return next((line for line in lines if "error" in line), lines[-1] if lines else "no reason")
