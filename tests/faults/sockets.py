"""Dashboards of a scenario: sockets that follow the stock, and some that never read."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

_PROTOCOL: Final = Subprotocol("graphql-transport-ws")
STOCK: Final = """subscription($deals: [ID!]!) {
  stockChanged(dealIds: $deals) { dealId epoch version available held sold } }"""
# Fifty kilobytes that cost nothing to make, and enough of them to fill every buffer on the way.
LONG_ANSWER: Final = "{ " + " ".join(f"a{n}{'x' * 1_000}: __typename" for n in range(50)) + " }"
_LONG_ANSWERS: Final = 24
_RETRY_SECONDS: Final = 0.1
_OPENING_SECONDS: Final = 20.0
_SMALL_BUFFER_BYTES: Final = 4_096

Version = tuple[int, int]
Link = tuple[int, int]
"""The ports of a connection: the client's, the API's."""


@dataclass(slots=True, eq=False)
class Dashboard:
    """Follows the stock of one deal, and comes back whenever it is cut off."""

    deal: str
    apis: Callable[[], Sequence[str]]
    pick: Callable[[Sequence[str]], str]
    closed: list[int] = field(default_factory=list)
    """The codes with which it was told to go; 1006: it was told nothing."""
    opened: int = 0
    messages: int = 0
    newest: Version = (0, 0)
    troubles: list[str] = field(default_factory=list)

    async def follow(self) -> None:
        """Read for ever."""
        while True:
            try:
                async with _opened(self.pick(self.apis())) as link:
                    await _subscribe(link, self.deal)
                    await self._read(link)
            except (OSError, WebSocketException, TimeoutError) as error:
                if isinstance(error, ConnectionClosed):
                    self.closed.append(1006 if error.rcvd is None else error.rcvd.code)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _read(self, link: ClientConnection) -> None:
        """The first message after opening is a snapshot: nothing older than what was seen."""
        first = True
        async for text in link:
            message = json.loads(text)
            if message["type"] == "ping":
                await link.send(json.dumps({"type": "pong"}))
            if message["type"] == "error":
                self.troubles.append(f"a dashboard was refused: {message['payload']}")
            if message["type"] != "next":
                continue
            if first:
                self.opened += 1
                first = False
            self._take(message["payload"])
        # The loop ends in silence where both sides closed in order.
        self.closed.append(link.close_code or 1006)

    def _take(self, payload: dict[str, Any]) -> None:
        if "errors" in payload:
            self.troubles.append(str(payload["errors"]))
            return
        stock = payload["data"]["stockChanged"]
        version = (stock["epoch"], stock["version"])
        if version < self.newest:
            self.troubles.append(f"{self.deal}: {version} was told after {self.newest}")
        self.newest = max(self.newest, version)
        self.messages += 1


@contextlib.asynccontextmanager
async def following(dashboards: Sequence[Dashboard]) -> AsyncIterator[None]:
    """Everybody follows meanwhile."""
    tasks = [asyncio.create_task(one.follow()) for one in dashboards]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome  # a mistake of the harness


async def until(reached: Callable[[], bool], *, within: float) -> bool:
    """Wait for a condition; whether it came about."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + within
    while not reached():
        if loop.time() > limit:
            return False
        await asyncio.sleep(_RETRY_SECONDS)
    return True


class Deaf:
    """Asks for much over one socket and never reads a byte of it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.link: Link = (connection.local_address[1], connection.remote_address[1])

    @classmethod
    async def ask(cls, address: str) -> "Deaf":
        """Open a socket, ask, and read no more."""
        link = await _open(address, buffer_bytes=_SMALL_BUFFER_BYTES)
        link.transport.pause_reading()
        body = {"query": LONG_ANSWER}
        for number in range(_LONG_ANSWERS):
            asked = {"id": f"q{number}", "type": "subscribe", "payload": body}
            await link.send(json.dumps(asked))
        return cls(link)

    def leave(self) -> None:
        """Cut the connection from this side."""
        self._connection.transport.abort()


@contextlib.asynccontextmanager
async def _opened(address: str) -> AsyncIterator[ClientConnection]:
    link = await _open(address)
    try:
        yield link
    finally:
        link.transport.abort()


async def _open(address: str, *, buffer_bytes: int | None = None) -> ClientConnection:
    """A socket on which the protocol has begun."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    sock = socket.socket()
    sock.setblocking(False)
    if buffer_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    try:
        async with asyncio.timeout(_OPENING_SECONDS):
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, (parts.hostname, parts.port))
            link = await connect(
                f"ws://{parts.netloc}/graphql",
                sock=sock,
                subprotocols=[_PROTOCOL],
                compression=None,
                ping_interval=None,
            )
            await link.send(json.dumps({"type": "connection_init"}))
            acknowledged = json.loads(await link.recv())
            assert acknowledged["type"] == "connection_ack", acknowledged
    except BaseException:
        sock.close()
        raise
    return link


async def _subscribe(link: ClientConnection, deal: str) -> None:
    body = {"query": STOCK, "variables": {"deals": [deal]}}
    await link.send(json.dumps({"id": "stock", "type": "subscribe", "payload": body}))
