"""The three stores of a scenario, and what all scenarios of a run have in common."""

import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from models.stores import migrate_postgres
from runtime.embedded_mongo import EmbeddedMongo
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.embedded_valkey import EmbeddedValkey
from runtime.store import EmbeddedStore
from tests.faults.environment import plain_environment
from tests.faults.programs import Program

PASSWORD: Final = "faults"


class StoreProgram(Program):
    """A store that the product itself could embed, under the harness' hand."""

    def __init__(self, embedded: EmbeddedStore) -> None:
        self._embedded = embedded
        self.data = embedded.folder
        self.data.mkdir(parents=True, exist_ok=True)
        super().__init__(
            embedded.name,
            embedded.command(),
            folder=self.data,
            environment=plain_environment(),
            ready=self._serves,
            before=embedded.prepare,
            run_as=embedded.run_as(),
            stop_signal=embedded.stop_signal,
        )

    @property
    def url(self) -> str:
        """The store itself, not its proxy."""
        return self._embedded.url

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return self._embedded.port

    async def _serves(self) -> bool:
        if not await asyncio.to_thread(self._embedded.answers):
            return False
        await asyncio.to_thread(self._embedded.open)
        return True


class Workshop:
    """One folder for all scenarios of a run, with an empty, migrated Postgres to copy from."""

    def __init__(self) -> None:
        # Not pytest's own folder: that is closed to the user that Postgres runs as under root.
        self.folder = Path(tempfile.mkdtemp(prefix="flashsale-faults-"))
        self.folder.chmod(0o711)
        self._template = self.folder / "template"
        self._runs = 0

    async def open(self) -> None:
        """Make what the runs copy; `close` removes it."""
        embedded = EmbeddedPostgres(self._template, password=PASSWORD, preferred_port=None)
        postgres = StoreProgram(embedded)
        try:
            await postgres.start()
            await migrate_postgres(postgres.url)
            await postgres.stop()
        except BaseException:
            postgres.kill()
            self.close()
            raise

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def new_folder(self, name: str) -> Path:
        """An empty folder for one run of a scenario."""
        self._runs += 1
        folder = self.folder / f"{self._runs}-{name}"
        folder.mkdir()
        folder.chmod(0o711)
        return folder

    async def new_postgres(self, folder: Path) -> StoreProgram:
        """A Postgres of its own, migrated and empty; not started."""
        name = EmbeddedPostgres.name
        await asyncio.to_thread(copy_tree, self._template / name, folder / name)
        embedded = EmbeddedPostgres(folder, password=PASSWORD, preferred_port=None)
        return StoreProgram(embedded)


def new_valkey(folder: Path, *, persistent: bool) -> StoreProgram:
    """A Valkey; unless it is persistent, what it knows is gone when it ends."""
    program = StoreProgram(EmbeddedValkey(folder, password=PASSWORD, preferred_port=None))
    if not persistent:
        # The command line overrules the configuration file.
        program.command += ["--appendonly", "no"]
    return program


def new_mongo(folder: Path) -> StoreProgram:
    """A MongoDB, with our user in it once it is ready."""
    return StoreProgram(EmbeddedMongo(folder, password=PASSWORD, preferred_port=None))


def copy_tree(source: Path, target: Path) -> None:
    """Copy a data folder with its owner and rights; the server must not run."""
    subprocess.run(  # noqa: S603 - our own command, no shell
        ["/bin/cp", "-a", "--reflink=auto", str(source), str(target)], check=True
    )
