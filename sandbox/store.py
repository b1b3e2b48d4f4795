"""The sandbox's books in one SQLite file that a killed process leaves whole."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")
_ROWS_AT_ONCE = 500


class DataFolderInUse(Exception):
    """Another sandbox keeps its books in this folder; nothing was opened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"another payment sandbox is running on {folder}")
        self.folder = folder


class Store:
    """The books of one sandbox. All writing is done by one process, one transaction at a time.

    A transaction takes well under a millisecond and runs on the event loop itself, which is what
    makes concurrent requests with one idempotency key a matter of order.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "sandbox.sqlite3"
        # The kernel lets go of the lock with the process, however that ends.
        self._lock = os.open(folder / "sandbox.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise DataFolderInUse(folder) from None
        self._db = _connect(self._path)
        # A commit is in the kernel's hands when it is answered: it outlives kill -9. A power cut
        # may cost the last moments, and a sandbox holds no money.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end of the block, undone by any exception."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """The books at one moment, for reading at length beside the writer, on any thread."""
        with closing(_connect(self._path)) as db:
            db.execute("BEGIN")
            yield db

    def close(self) -> None:
        """Close the books and let another sandbox open them."""
        self._db.close()
        os.close(self._lock)


def rows(db: sqlite3.Connection, statement: str) -> Iterator[dict[str, Any]]:
    """All rows of a statement, a few hundred in memory at a time."""
    cursor = db.execute(statement)
    while batch := cursor.fetchmany(_ROWS_AT_ONCE):
        yield from (dict(row) for row in batch)


def _connect(path: Path) -> sqlite3.Connection:
    # Autocommit, so that transactions begin and end where this file says so. A snapshot is read
    # by a pool's threads, one after the other.
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA foreign_keys = ON")
    return db
