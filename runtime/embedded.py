"""The three stores as child processes, for a machine that has none."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from runtime.embedded_mongo import EmbeddedMongo
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.embedded_valkey import EmbeddedValkey
from runtime.problems import CannotStart
from runtime.store import EmbeddedStore

# By the setting that each one fills in.
STORES: Mapping[str, type[EmbeddedStore]] = {
    "database_url": EmbeddedPostgres,
    "redis_url": EmbeddedValkey,
    "mongo_url": EmbeddedMongo,
}
# A store that keeps dying is not helped by another start.
_RESTARTS = 5
_RESTARTS_SECONDS = 60.0


class EmbeddedStores:
    """Starts, watches and stops the stores of `needed`, all with their data in `folder`."""

    def __init__(
        self,
        folder: Path,
        *,
        password: str,
        needed: tuple[str, ...] = tuple(STORES),
        ports: Mapping[str, int] | None = None,
    ) -> None:
        """`needed` are names of settings; `ports` are those of an earlier run, by store.

        Raises:
            CannotStart: there is no server program for one of them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        remembered = ports or {}
        self._stores = {
            setting: kind(folder, password=password, preferred_port=remembered.get(kind.name))
            for setting, kind in STORES.items()
            if setting in needed
        }
        self._restarts: dict[str, deque[float]] = {
            setting: deque(maxlen=_RESTARTS) for setting in self._stores
        }

    @property
    def urls(self) -> dict[str, str]:
        """By setting."""
        return {setting: store.url for setting, store in self._stores.items()}

    @property
    def ports(self) -> dict[str, int]:
        """By name of the store, to be remembered for the next run."""
        return {store.name: store.port for store in self._stores.values()}

    @property
    def pids(self) -> dict[str, int | None]:
        """By name of the store."""
        return {store.name: store.pid for store in self._stores.values()}

    @property
    def titles(self) -> list[str]:
        """For people."""
        return [store.title for store in self._stores.values()]

    def start(self, report: Callable[[str], None] = lambda _: None) -> None:
        """Start all at once and wait until each one serves; `report` hears of each by title.

        Raises:
            CannotStart: one did not start; those that did are stopped again.
        """
        try:
            for store in self._stores.values():
                store.start()
            for store in self._stores.values():
                store.wait_until_ready()
                report(store.title)
        except BaseException:
            self.stop()
            raise

    def restart_dead(self) -> list[str]:
        """Start those that died again, on the same port with the same data; their titles.

        Raises:
            CannotStart: one does not start again, or dies over and over.
        """
        dead = {setting: store for setting, store in self._stores.items() if store.has_died()}
        for setting, store in dead.items():
            self._allow_restart(setting, store)
            store.start()
            store.wait_until_ready()
        return [store.title for store in dead.values()]

    def stop(self) -> None:
        """Stop all, at the same time, and wait for their end. May be repeated."""
        for store in self._stores.values():
            store.ask_to_stop()
        with contextlib.ExitStack() as each:
            for store in self._stores.values():
                each.callback(store.stop)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _allow_restart(self, setting: str, store: EmbeddedStore) -> None:
        times = self._restarts[setting]
        now = time.monotonic()
        if len(times) == _RESTARTS and now - times[0] < _RESTARTS_SECONDS:
            raise CannotStart(f"{store.title} keeps dying. See {store.log}.")
        times.append(now)
