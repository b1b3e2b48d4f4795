"""MongoDB as an embedded store."""

from pathlib import Path
from typing import Any, ClassVar

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from runtime.programs import find_mongod
from runtime.store import EmbeddedStore

_USER = "flashsale"
_ANSWER_MS = 1_000
# The catalogue is small; left alone, mongod would take half of the machine's memory.
_CACHE_GB = "0.25"
# "User already exists", from src/mongo/base/error_codes.yml.
_USER_EXISTS = 51003
_UNAUTHORIZED = 13


class EmbeddedMongo(EmbeddedStore):
    """One mongod, not a replica set: nothing here needs a transaction of it."""

    name: ClassVar[str] = "mongo"
    title: ClassVar[str] = "MongoDB"

    def __init__(self, folder: Path, *, password: str, preferred_port: int | None) -> None:
        self._program = find_mongod()
        super().__init__(folder, password=password, preferred_port=preferred_port)

    @property
    def url(self) -> str:
        """For pymongo; names the database."""
        address = f"127.0.0.1:{self.port}/flashsale"
        return f"mongodb://{_USER}:{self._password}@{address}?authSource=admin"

    def prepare(self) -> None:
        """The data folder is all it needs."""
        (self.folder / "data").mkdir(mode=0o700, exist_ok=True)

    def command(self) -> list[str]:
        """On loopback, with sign-in, without its socket file in /tmp."""
        return [
            str(self._program), "--dbpath", str(self.folder / "data"), "--port", str(self.port),
            "--bind_ip", "127.0.0.1", "--auth", "--nounixsocket", "--quiet",
            "--wiredTigerCacheSizeGB", _CACHE_GB,
            "--setParameter", "diagnosticDataCollectionEnabled=false",
        ]  # fmt: skip

    def answers(self) -> bool:
        """Whether it answers a ping, which needs no sign-in."""
        try:
            with self._client() as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def open(self) -> None:
        """Create our user once: the server allows that from loopback while it has none."""
        with self._client() as client:
            try:
                client.admin.command("createUser", _USER, pwd=self._password, roles=["root"])
            except OperationFailure as error:
                if error.code not in {_USER_EXISTS, _UNAUTHORIZED}:
                    raise

    def _client(self) -> MongoClient[dict[str, Any]]:
        return MongoClient("127.0.0.1", self.port, serverSelectionTimeoutMS=_ANSWER_MS)
