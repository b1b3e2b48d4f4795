"""The folder `.flashsale`: data, logs, made-up secrets, and how to reach a running `up`."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from runtime.problems import CannotStart

NAME = ".flashsale"
_SECRET_BYTES = 24


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made up at the first start and kept, so that the data stays readable."""

    store_password: str
    secret_key: str
    stripe_api_key: str
    stripe_publishable_key: str
    stripe_webhook_secret: str


@dataclass(frozen=True, slots=True)
class Running:
    """A running `up`: what another command needs to join it."""

    pid: int
    api: str
    sandbox: str
    # FLASHSALE_ variables, with URLs and secrets.
    environment: dict[str, str]
    # By name of the store; also the wish of the next run.
    ports: dict[str, int] = field(default_factory=dict)


class WorkFolder:
    """`.flashsale` in one folder; reading makes nothing."""

    def __init__(self, parent: Path) -> None:
        self.path = (parent / NAME).resolve()
        self.logs = self.path / "logs"
        self.sandbox = self.path / "sandbox"
        self._lock = self.path / "up.lock"
        self._running = self.path / "up.json"
        self._secrets = self.path / "secrets.json"

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Make the folder and be the only `up` in it; the kernel lets go, however we end.

        Raises:
            CannotStart: another `up` runs here, or the folder cannot be written.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotStart(f"Cannot write {self.path}: {error.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            known = self._read_running()
            who = f" (process {known.pid})" if known else ""
            raise CannotStart(
                f"`flashsale up` already runs in {self.path.parent}{who}. Stop that one first."
            ) from None
        try:
            yield
        finally:
            os.close(lock)

    def secrets(self) -> Secrets:
        """Those of the first start. Call with the folder claimed."""
        known = _read_json(self._secrets)
        made = Secrets(
            store_password=_secret(""),
            secret_key=_secret(""),
            stripe_api_key=_secret("sk_test_"),
            stripe_publishable_key=_secret("pk_test_"),
            stripe_webhook_secret=_secret("whsec_"),
        )
        names = {each.name for each in fields(Secrets)}
        kept = {**asdict(made), **{key: known[key] for key in names & known.keys()}}
        if kept != known:
            _write_json(self._secrets, kept)
        return Secrets(**kept)

    def announce(self, running: Running) -> None:
        """Let other commands find this `up`."""
        _write_json(self._running, asdict(running))

    def remembered_ports(self) -> dict[str, int]:
        """Of the stores at the last run."""
        known = self._read_running()
        return dict(known.ports) if known else {}

    def find_running(self) -> Running | None:
        """The `up` that runs here now, if it is ready."""
        try:
            lock = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._read_running()
        finally:
            os.close(lock)
        return None

    def _read_running(self) -> Running | None:
        try:
            return Running(**_read_json(self._running))
        except TypeError:
            return None


def _secret(prefix: str) -> str:
    return prefix + secrets.token_hex(_SECRET_BYTES)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace the file at once, so that no reader sees half of it; for the owner only."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(json.dumps(value, indent=2) + "\n")
    new.replace(path)
