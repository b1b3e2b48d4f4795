"""The whole shop as a deployment runs it: stores, sandbox, worker and API, each a process."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.process import children_of, tree_cpu_seconds
from runtime.embedded import EmbeddedStores
from runtime.ports import LOOPBACK, free_port
from runtime.services import Service
from runtime.step import run_step

_HOOK: Final = "/webhooks/stripe"


@dataclass(slots=True)
class Shop:
    """What runs, and what it has cost so far."""

    port: int
    sandbox_port: int
    folder: Path
    environment: dict[str, str]
    # The root process of each part, by the part's name.
    parts: dict[str, int]
    tell: Callable[[str], None]

    def step(self, title: str, *words: str) -> list[str]:
        """Run `flashsale <words>` to its end; what it said.

        Raises:
            CannotStart: it failed.
        """
        said: list[str] = []
        run_step(
            title,
            words,
            folder=self.folder,
            log=self.folder / "steps.log",
            environment=self.environment,
            tell=said.append,
        )
        return said

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time that each part has used so far, with all its processes."""
        return dict(zip(self.parts, tree_cpu_seconds(self.parts.values()), strict=True))


@contextmanager
def open_stores(
    folder: Path,
    environment: Mapping[str, str],
    *,
    settings: Mapping[str, str],
    tell: Callable[[str], None],
) -> Iterator[Shop]:
    """Stores of its own in `folder`, migrated; nothing serves yet. `settings` are ours."""
    folder.mkdir()
    folder.chmod(0o711)  # Postgres runs as another user under root
    with EmbeddedStores(folder / "stores", password="bench") as stores:  # noqa: S106
        port, sandbox_port = free_port(), free_port()
        given = {
            **stores.urls,
            "stripe_api_base": f"http://{LOOPBACK}:{sandbox_port}",
            "stripe_webhook_secret": f"whsec_{secrets.token_hex(16)}",
            **settings,
        }
        shop = Shop(
            port=port,
            sandbox_port=sandbox_port,
            folder=folder,
            environment={
                **environment,
                **{f"FLASHSALE_{key.upper()}": value for key, value in given.items()},
            },
            parts={name: pid for name, pid in stores.pids.items() if pid is not None},
            tell=tell,
        )
        shop.step("Preparing the schema", "migrate")
        yield shop


@contextmanager
def open_shop(
    folder: Path,
    environment: Mapping[str, str],
    *,
    processes: int,
    settings: Mapping[str, str],
    tell: Callable[[str], None],
) -> Iterator[Shop]:
    """Stores of its own in `folder`, and everything that serves; `settings` are ours."""
    tell("starting stores, sandbox, worker and API")
    with ExitStack() as stack:
        shop = stack.enter_context(open_stores(folder, environment, settings=settings, tell=tell))
        hook = f"http://{LOOPBACK}:{shop.port}{_HOOK}"
        words: tuple[str, ...] = ("sandbox", "--port", str(shop.sandbox_port),
                                  "--webhook-url", hook,
                                  "--data", str(folder / "sandbox"))  # fmt: skip
        start_service(stack, shop, "sandbox", words, (LOOPBACK, shop.sandbox_port, "/healthz"))
        start_service(stack, shop, "worker", ("worker",), None)
        words = ("serve", "--port", str(shop.port), "--processes", str(processes))
        pid = start_service(stack, shop, "API", words, (LOOPBACK, shop.port, "/readyz"))
        if processes > 1:
            del shop.parts["API"]
            for number, child in enumerate(children_of(pid), 1):
                shop.parts[f"API {number}"] = child
        yield shop


def start_service(
    stack: ExitStack,
    shop: Shop,
    part: str,
    words: tuple[str, ...],
    probe: tuple[str, int, str] | None,
    *,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start one of our own programs as a part of the shop and wait for it; its process.

    `environment` is what it has instead of the shop's.
    """
    service = Service(
        part,
        words,
        folder=shop.folder,
        log=shop.folder / f"{part.lower().replace(' ', '-')}.log",
        environment={**shop.environment, **(environment or {})},
        probe=probe,
    )
    stack.callback(service.stop)
    service.start()
    service.wait_until_ready()
    assert service.pid is not None
    shop.parts[part] = service.pid
    return service.pid
