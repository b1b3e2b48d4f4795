"""A sandbox and a webhook endpoint on real ports, for as long as a test needs them."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.clock import Clock
from sandbox.app import SandboxConfig, create_sandbox

SECRET_KEY = "sk_test_of_these_tests"
PUBLISHABLE_KEY = "pk_test_of_these_tests"
WEBHOOK_SECRET = "whsec_of_these_tests"
LIMIT_SECONDS = 10.0


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # pytest keeps its own


@asynccontextmanager
async def serve(app: Starlette) -> AsyncIterator[str]:
    """Serve an application on a free loopback port; its address."""
    # asyncio switches Nagle's delay off only for a socket that names its protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    port = listener.getsockname()[1]
    server = _Server(uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=1))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started or running.done())
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running
        listener.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition, with a limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not true():
            await asyncio.sleep(0.005)


@dataclass
class Receiver:
    """A merchant's webhook endpoint; `answers` are given in turn, then 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.signatures.append(request.headers["stripe-signature"])
        status = self.answers.pop(0) if self.answers else 200
        # A redirect leads to a page that is happy with anything.
        return Response(status_code=status, headers={"Location": "/happy"} if status == 302 else {})

    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for body in self.bodies]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


@asynccontextmanager
async def run_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = Starlette(
        routes=[
            Route("/webhooks/stripe", receiver.take, methods=["POST"]),
            Route("/happy", lambda _: Response()),
        ]
    )
    async with serve(app) as address:
        receiver.url = f"{address}/webhooks/stripe"
        yield receiver


@dataclass
class RunningSandbox:
    """A sandbox that answers at `url`, and clients for its merchant and its buyers."""

    url: str
    config: SandboxConfig
    merchant: httpx.AsyncClient
    buyer: httpx.AsyncClient

    async def create(self, amount: int = 1_999, **headers: str) -> dict[str, Any]:
        answer = await self.merchant.post(
            "/v1/payment_intents", data={"amount": amount, "currency": "usd"}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def confirm(
        self, intent: dict[str, Any], card: str = "pm_card_visa", **more: str
    ) -> httpx.Response:
        """As a storefront does it: with the client secret alone."""
        return await self.buyer.post(
            f"/v1/payment_intents/{intent['id']}/confirm",
            data={"client_secret": intent["client_secret"], "payment_method": card, **more},
        )

    async def cancel(self, intent: dict[str, Any]) -> httpx.Response:
        return await self.merchant.post(f"/v1/payment_intents/{intent['id']}/cancel")

    async def state(self, intent: dict[str, Any]) -> dict[str, Any]:
        answer = await self.merchant.get(f"/v1/payment_intents/{intent['id']}")
        found: dict[str, Any] = answer.json()
        return found

    async def faults(self, **faults: object) -> None:
        answer = await self.merchant.post("/sandbox/faults", json=faults)
        assert answer.status_code == 200, answer.text

    async def ledger(self) -> dict[str, list[dict[str, Any]]]:
        answer = await self.merchant.get("/sandbox/ledger")
        assert answer.status_code == 200
        ledger: dict[str, list[dict[str, Any]]] = answer.json()
        return ledger


def config_for(folder: Path, *, webhook_url: str = "") -> SandboxConfig:
    return SandboxConfig(
        data_dir=folder,
        secret_key=SECRET_KEY,
        publishable_key=PUBLISHABLE_KEY,
        webhook_url=webhook_url,
        webhook_secret=WEBHOOK_SECRET,
        first_retry_seconds=0.02,
        longest_retry_seconds=0.05,
    )


@asynccontextmanager
async def run_sandbox(
    config: SandboxConfig, *, clock: Clock | None = None
) -> AsyncIterator[RunningSandbox]:
    async with (
        serve(create_sandbox(config, clock)) as url,
        httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {SECRET_KEY}"}, timeout=LIMIT_SECONDS
        ) as merchant,
        httpx.AsyncClient(base_url=url, timeout=LIMIT_SECONDS) as buyer,
    ):
        yield RunningSandbox(url=url, config=config, merchant=merchant, buyer=buyer)
