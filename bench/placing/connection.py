"""One connection that asks and waits for its answer, with as little work as that takes."""

import asyncio
from typing import Self, cast

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Connection(asyncio.Protocol):
    """HTTP/1.1, one request after another, answers with a length."""

    def __init__(self) -> None:
        self._read = b""
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, loop: asyncio.AbstractEventLoop, port: int) -> Self:
        """A connection to a server of this machine."""
        _, protocol = await loop.create_connection(cls, "127.0.0.1", port)
        return protocol

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer to one request.

        Raises:
            ConnectionError: the server hung up.
        """
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        # uvloop's transports are no asyncio.Transport, but are used as one.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand the answer over once it is whole."""
        self._read += data
        head, end, body = self._read.partition(_HEAD_END)
        if not end or len(body) < _length(head):
            return
        self._read = b""
        if self._answer is not None:
            self._answer.set_result(body)
            self._answer = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for an answer gets none."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"the server hung up: {exc}"))


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(_LENGTH):
            return int(line[len(_LENGTH) :])
    raise ConnectionError("an answer without a length")
