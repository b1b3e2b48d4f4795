"""Valkey as an embedded store."""

from pathlib import Path
from typing import ClassVar

from redis import Redis
from redis.exceptions import RedisError

from runtime.programs import find_valkey
from runtime.store import EmbeddedStore

_ANSWER_SECONDS = 1.0


class EmbeddedValkey(EmbeddedStore):
    """Valkey with its log on disk each second, and nothing evicted when memory is full."""

    name: ClassVar[str] = "valkey"
    title: ClassVar[str] = "Valkey"

    def __init__(self, folder: Path, *, password: str, preferred_port: int | None) -> None:
        self._program = find_valkey()
        super().__init__(folder, password=password, preferred_port=preferred_port)

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Write the configuration: a password on a command line is everybody's to read."""
        path = self.folder / "valkey.conf"
        path.touch(mode=0o600)
        path.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self._password}\n"
            'appendonly yes\nappendfsync everysec\nsave ""\n'
            # An evicted stock key is a lost gate: refuse the write instead.
            "maxmemory-policy noeviction\n"
            # The data folder is the working directory.
            "dir .\n"
        )

    def command(self) -> list[str]:
        """The configuration file says the rest."""
        return [str(self._program), str(self.folder / "valkey.conf")]

    def answers(self) -> bool:
        """Whether it has read its log and answers."""
        try:
            with Redis.from_url(
                self.url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS
            ) as client:
                return bool(client.ping())
        except RedisError:
            return False

    def open(self) -> None:
        """Nothing is due."""
