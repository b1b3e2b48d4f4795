"""What a run stands on: stores, our server's environment, who makes events, who listens."""

import asyncio
import contextlib
import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis import Redis

from bench.assistant import Assistant
from bench.commands import Commands
from bench.contenders import Contender, start
from models.stores import migrate_mongo, migrate_postgres
from runtime.embedded import EmbeddedStores

# The most files that a process may have open: sockets are files.
SPARE_FILES: Final = 200
# Every stock change is told by itself, at any pace that is measured here.
UNCONFLATED: Final = {"stock_changes_per_second": "1000"}
_ROOT: Final = Path(__file__).parents[1]
_CONNECT_SECONDS: Final = 180.0
_AT_ONCE: Final = 100
_SCANNED: Final = 1_000
_SETTINGS: Final = {
    "stripe_api_key": "sk_test_flashsale_bench",
    "stripe_publishable_key": "pk_test_flashsale_bench",
    "stripe_webhook_secret": "whsec_flashsale_bench",
    # Nobody pays here: the address only has to be one.
    "stripe_api_base": "http://127.0.0.1:9",
    "secret_key": "a-secret-of-the-benchmark",
    "log_level": "WARNING",
}


@dataclass(slots=True)
class Stage:
    """Starts contenders and crowds; everything ends with the run."""

    folder: Path
    environment: dict[str, str]
    events: Assistant
    deals: list[str]
    tell: Callable[[str], None]

    @contextmanager
    def contender(self, name: str, **settings: str) -> Iterator[Contender]:
        """A contender, fresh; `settings` are of ours."""
        named = {f"FLASHSALE_{key.upper()}": value for key, value in settings.items()}
        started = start(name, folder=self.folder, environment={**self.environment, **named})
        try:
            yield started
        finally:
            started.stop()

    def crowd(self) -> Assistant:
        """A process that listens."""
        return Assistant("bench.crowd", environment=self.environment)

    def fill(
        self, crowd: Assistant, contender: Contender, sockets: int, topics: list[str]
    ) -> dict[str, Any]:
        """Let so many sockets subscribe to the topics, one each; what came of it."""
        if not contender.is_ours:
            # Peers have no stock of their own: there has to be news to begin with.
            for topic in topics:
                self.say(contender, topic, per_second=1, seconds=1)
        return crowd.ask(
            "connect",
            port=contender.port,
            count=sockets,
            topics=topics,
            at_once=_AT_ONCE,
            seconds=_CONNECT_SECONDS,
        )

    def say(
        self, contender: Contender, deal: str, *, per_second: float, seconds: float
    ) -> dict[str, Any]:
        """Tell one contender events of one deal, each by itself."""
        if contender.is_ours:
            return self.events.ask(
                "change", deals=[deal], per_second=per_second, seconds=seconds, each=True
            )
        return self.events.ask(
            "post", port=contender.port, deals=[deal], per_second=per_second, seconds=seconds
        )

    def another(self) -> Assistant:
        """A second process that makes changes, while the first does."""
        return Assistant("bench.events", environment=self.environment)

    def buyers(self, count: int) -> Path:
        """The file with the tokens of so many buyers with live sessions; the same each time."""
        tokens = self.folder / f"tokens-{count}.txt"
        if not tokens.exists():
            self.tell(f"seeding {count:,} buyers")
            subprocess.run(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", "runtime", "seed", "--buyers", str(count),
                 "--tokens", str(tokens)],
                env=self.environment,
                stdout=subprocess.DEVNULL,
                check=True,
            )  # fmt: skip
        return tokens

    @property
    def redis_url(self) -> str:
        """Of the Redis that has the gates."""
        return self.environment["FLASHSALE_REDIS_URL"]

    def commands(self) -> Commands:
        """What Redis has done so far."""
        return Commands.of(self.redis_url)

    def forget_carts(self) -> None:
        """Empty all carts, and forget all idempotency keys; what is held at the gates stays."""
        with Redis.from_url(self.redis_url) as client:
            keys = client.scan_iter(match="{user:*", count=_SCANNED)
            while some := list(itertools.islice(keys, _SCANNED)):
                client.unlink(*some)

    def file(self, name: str, content: bytes) -> Path:
        """A file for a load generator to read."""
        path = self.folder / name
        path.write_bytes(content)
        return path


@contextmanager
def open_stage(*, deals: int, tell: Callable[[str], None]) -> Iterator[Stage]:
    """Stores of its own, migrated, and open deals."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="flashsale-bench-"))
        stack.callback(shutil.rmtree, folder)
        folder.chmod(0o711)  # Postgres runs as another user under root
        tell("starting the stores")
        stores = stack.enter_context(EmbeddedStores(folder / "stores", password="bench"))  # noqa: S106
        asyncio.run(_migrate(stores.urls))
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("FLASHSALE_", "PG"))},
            **{f"FLASHSALE_{k.upper()}": v for k, v in {**_SETTINGS, **stores.urls}.items()},
            "PYTHONPATH": str(_ROOT),
        }
        events = stack.enter_context(Assistant("bench.events", environment=environment))
        opened = events.ask("open", deals=deals, products=deals, hours=4)["deals"]
        yield Stage(folder, environment, events, opened, tell)


def endings(answer: dict[str, Any]) -> str:
    """How sockets of a crowd ended that should not have, for a check's text."""
    ended = answer["ended"]
    return "".join(f"; {count} ended: {why}" for why, count in ended.items())


def allow_files() -> int:
    """Raise the number of open files as far as it goes, for us and our children; the number."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


async def _migrate(urls: dict[str, str]) -> None:
    await migrate_postgres(urls["database_url"])
    await migrate_mongo(urls["mongo_url"])
