"""Stands where the API does, behind nginx, and keeps what it is sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Heard = dict[str, list[str]]
"""The values of each header of a request, by lower-case name."""

Reply = Callable[[], Awaitable[bytes | None]]
"""What is answered to a request; None closes the connection without an answer."""


def json_answer(*headers: str) -> bytes:
    """An answer of two bytes, with these headers beside its own."""
    lines = ("HTTP/1.1 200 OK", "Content-Type: application/json", "Content-Length: 2", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n{}").encode()


@dataclass
class Recording:
    """What came, and what is answered."""

    reply: Reply
    heard: list[Heard] = field(default_factory=list)
    address: str = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read requests and answer them until either side has enough."""
        try:
            while answer := await self._take(reader):
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _take(self, reader: asyncio.StreamReader) -> bytes | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers: Heard = {}
        for line in head.split("\r\n")[1:-2]:
            name, _, value = line.partition(": ")
            headers.setdefault(name.lower(), []).append(value)
        await reader.readexactly(int(headers.get("content-length", ["0"])[0]))
        self.heard.append(headers)
        return await self.reply()


@asynccontextmanager
async def recording(reply: Reply) -> AsyncIterator[Recording]:
    """One that runs while the block does."""
    started = Recording(reply)
    server = await asyncio.start_server(started.talk, "127.0.0.1", 0)
    started.address = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    async with server:
        yield started
