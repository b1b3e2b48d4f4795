"""A whole sale in programs of its own, with a proxy before every store and the provider."""

import asyncio
import contextlib
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

from models.stores import migrate_mongo
from runtime.ports import free_port
from tests.faults.environment import STRIPE_API_KEY, product_environment
from tests.faults.evidence import Where
from tests.faults.programs import Program, ProgramFailed, Ready
from tests.faults.proxy import Address, Proxy
from tests.faults.scenario import SaleShape
from tests.faults.stores import StoreProgram, Workshop, new_mongo, new_valkey

_COMMAND_SECONDS: Final = 60.0
_STARTS: Final = 4
_LOOPBACK: Final = "127.0.0.1"


class Stack:
    """The programs of one scenario, all of them under the harness' hand.

    The product reaches Postgres, Valkey, MongoDB and the sandbox through proxies; whoever checks
    goes to `where`. Each API is one process on a port of its own, killed and replaced one by one;
    the sandbox sends its events to any of them that lives.
    """

    def __init__(self, workshop: Workshop, name: str, shape: SaleShape) -> None:
        self.shape = shape
        self.folder = workshop.new_folder(name)
        self._workshop = workshop
        self.valkey = new_valkey(self.folder, persistent=shape.redis_persistent)
        self.mongo = new_mongo(self.folder)
        self.apis: list[Program] = []
        # APIs that run, and that nobody is sent to: they are about to be replaced.
        self.draining: set[Program] = set()
        self.workers: list[Program] = []
        self.programs: list[Program] = [self.valkey, self.mongo]
        self._ports: dict[str, int] = {}
        self._turn = 0
        # Where the product finds Redis; a failover changes it.
        self.redis_address: Address = (_LOOPBACK, self.valkey.port)
        self.to_postgres = Proxy("postgres", lambda: (_LOOPBACK, self.postgres.port))
        self.to_redis = Proxy("redis", lambda: self.redis_address)
        self.to_mongo = Proxy("mongo", lambda: (_LOOPBACK, self.mongo.port))
        self.to_provider = Proxy("provider", lambda: (_LOOPBACK, self._ports["sandbox"]))
        self.to_apis = Proxy("webhooks", self._next_api)
        self.proxies = (
            self.to_postgres, self.to_redis, self.to_mongo, self.to_provider, self.to_apis
        )  # fmt: skip
        self.environment: dict[str, str] = {}
        self.postgres: StoreProgram
        self.sandbox: Program

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    @property
    def where(self) -> Where:
        """The stores and the sandbox themselves, for whoever checks."""
        valkey = urlsplit(self.valkey.url)
        address = f"{valkey.username or ''}:{valkey.password}@{_host(self.redis_address)}"
        return Where(
            database_url=self.postgres.url,
            redis_url=f"redis://{address}/0",
            sandbox=f"http://{_LOOPBACK}:{self._ports['sandbox']}",
            sandbox_key=STRIPE_API_KEY,
        )

    def api_addresses(self) -> list[str]:
        """The base addresses of the APIs that run; of all, when none does."""
        running = [api for api in self.apis if api.running and api not in self.draining]
        return [self.address(api) for api in running or self.apis]

    def address(self, program: Program) -> str:
        """Where a program that serves HTTP is."""
        return f"http://{_LOOPBACK}:{self._ports[program.name]}"

    def new_api(self) -> Program:
        """One more API, not started; buyers come to it as soon as it runs."""
        name = f"api-{len(self.apis) + 1}"
        api = self._served(name, "/healthz", "serve")
        self.apis.append(api)
        return api

    def new_worker(self) -> Program:
        """One more worker, not started."""
        worker: Program

        async def works() -> bool:
            return worker.has_said("worker_started")

        worker = self._flashsale(f"worker-{len(self.workers) + 1}", works, "worker")
        self.workers.append(worker)
        return worker

    async def command(self, *words: str, **harm: str) -> tuple[int | None, str]:
        """Run a flashsale command to its end; its exit code and all that it said.

        `harm` are FAULTS_ variables of this command alone.
        """

        async def at_once() -> bool:
            return True

        program = self._flashsale(f"{words[0]}-{len(self.programs)}", at_once, *words)
        program.environment.update(harm)
        program.launch()
        await program.wait(_COMMAND_SECONDS)
        program.kill()
        return program.exit_code, program.log.read_text()

    def heal(self) -> None:
        """Let everything pass, and let everybody who was frozen go on."""
        for proxy in self.proxies:
            proxy.heal()
        for program in self.programs:
            program.thaw()

    def unexpected_ends(self) -> list[Program]:
        """The programs that have ended, though nobody here ended them."""
        return [one for one in self.programs if one.exit_code is not None and not one.ended]

    def keep(self, folder: Path) -> None:
        """Copy every log there, for whoever reads a failed run."""
        folder.mkdir(parents=True, exist_ok=True)
        for program in self.programs:
            if program.log.exists():
                shutil.copyfile(program.log, folder / program.log.name)

    async def _start(self) -> None:
        for proxy in self.proxies:
            await proxy.start()
        self.postgres = await self._workshop.new_postgres(self.folder)
        self.programs.append(self.postgres)
        self._name_addresses()
        stores = (self.postgres, self.valkey, self.mongo)
        await asyncio.gather(*(store.start() for store in stores))
        await migrate_mongo(self.mongo.url)
        hook = f"http://{_LOOPBACK}:{self.to_apis.port}/webhooks/stripe"
        books = ("--data", str(self.folder / "sandbox"), "--webhook-url", hook)
        self.sandbox = self._served("sandbox", "/", "sandbox", *books)
        for _ in range(self.shape.api_processes):
            self.new_api()
        for _ in range(self.shape.workers):
            self.new_worker()
        started = (self.sandbox, *self.apis, *self.workers)
        await asyncio.gather(*(_start_patiently(program) for program in started))

    async def _end(self) -> None:
        """End every program, cut every connection, remove all data."""
        for program in self.programs:
            program.kill()
        for proxy in self.proxies:
            await proxy.stop()
        await asyncio.to_thread(shutil.rmtree, self.folder)

    def _name_addresses(self) -> None:
        provider = f"http://{_LOOPBACK}:{self.to_provider.port}"
        self.environment = product_environment(
            self.shape,
            {
                "database_url": through(self.postgres.url, self.to_postgres),
                "redis_url": through(self.valkey.url, self.to_redis),
                "mongo_url": through(self.mongo.url, self.to_mongo),
                "stripe_api_base": provider,
            },
        )

    def _served(self, name: str, probe: str, *words: str) -> Program:
        """A flashsale program that listens on a port of its own."""
        port = self._ports[name] = free_port()

        async def answers() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                async with httpx.AsyncClient(timeout=2.0) as client:
                    answer = await client.get(f"http://{_LOOPBACK}:{port}{probe}")
                return answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR
            return False

        return self._flashsale(name, answers, *words, "--port", str(port))

    def _flashsale(self, name: str, ready: Ready, *words: str) -> Program:
        # The provider is no part of the product: nothing is taken out of it.
        module = "runtime" if words[0] == "sandbox" else "tests.faults.launch"
        program = Program(
            name,
            [sys.executable, "-m", module, *words],
            folder=self.folder,
            environment=self.environment,
            ready=ready,
        )
        self.programs.append(program)
        return program

    def _next_api(self) -> Address:
        """Events come to the APIs that run in turn."""
        addresses = self.api_addresses()
        self._turn += 1
        parts = urlsplit(addresses[self._turn % len(addresses)])
        assert parts.port is not None
        return _LOOPBACK, parts.port


async def _start_patiently(program: Program) -> None:
    """Start it; on a crowded machine a store may answer its first looks too late."""
    for _ in range(_STARTS - 1):
        try:
            await program.start()
        except ProgramFailed:
            program.kill()
        else:
            return
    await program.start()


def through(url: str, proxy: Proxy) -> str:
    """A store's URL, by way of its proxy."""
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{credentials}@{_LOOPBACK}:{proxy.port}").geturl()


def _host(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
