"""A TCP proxy that can be told to harm what passes through it."""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final

Address = tuple[str, int]

_CHUNK_BYTES: Final = 65_536
# Close at once and tell the other side by a reset: what is still on its way is lost.
_NO_LINGER: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Harm:
    """What is done to the bytes; the default does nothing. A reply is what one read brought."""

    delay_seconds: float = 0.0
    """Each reply comes this much later."""
    black_hole: bool = False
    """Nothing passes, either way, and nobody is told; what was sent arrives when it is healed."""
    lose_every: int = 0
    """Every n-th reply: carried out upstream, the reply is lost, the connection is cut."""
    lose_reply_to: bytes = b""
    """A request that contains this is carried out, and its reply lost as above ..."""
    losses: int = 0
    """... this many times."""
    cut_after_bytes: int = 0
    """A connection is cut when it has brought this many bytes of replies since the harm began."""
    refuse: bool = False
    """Connections are cut as soon as they are made."""


class Proxy:
    """Listens on loopback and passes everything on to whatever address `target` names then."""

    def __init__(self, name: str, target: Callable[[], Address]) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self._target = target
        self._harm = Harm()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._replies = 0
        self.port = 0

    async def start(self) -> None:
        """Listen on a port of its own choice."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more and cut every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    @property
    def harm(self) -> Harm:
        """What is done at present."""
        return self._harm

    def do(self, **harm: Any) -> None:
        """Begin a harm, in addition to what is done already; see Harm."""
        self._harm = replace(self._harm, **harm)
        if "cut_after_bytes" in harm:
            for link in self._links:
                link.brought = 0
        if self._harm.black_hole:
            self._flowing.clear()
        else:
            self._flowing.set()

    def heal(self) -> None:
        """Do no more harm; what a black hole swallowed arrives now."""
        self._harm = Harm()
        self._flowing.set()

    def reset(self) -> int:
        """Cut every connection now; how many."""
        cut = len(self._links)
        for link in list(self._links):
            link.cut()
        self.counts["reset"] += cut
        return cut

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        self.counts["connections"] += 1
        with contextlib.suppress(asyncio.CancelledError):
            await self._pass(reader, writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side, or a harm, ends it."""
        try:
            await self._flowing.wait()
            if self._harm.refuse:
                self.counts["refused"] += 1
                return
            try:
                upstream = await asyncio.open_connection(*self._target())
            except OSError:
                self.counts["unreachable"] += 1
                return
            link = _Link(client=(reader, writer), upstream=upstream)
            self._links.add(link)
            try:
                await _until_first(self._requests(link), self._replies_of(link))
            finally:
                self._links.discard(link)
                link.close()
        finally:
            _abort(writer)

    async def _requests(self, link: "_Link") -> None:
        reader, (_, writer) = link.client[0], link.upstream
        while chunk := await reader.read(_CHUNK_BYTES):
            await self._flowing.wait()
            harm = self._harm
            if harm.losses and harm.lose_reply_to in chunk:
                self._harm = replace(harm, losses=harm.losses - 1)
                link.deaf = True
            await _send(writer, chunk)

    async def _replies_of(self, link: "_Link") -> None:
        reader, (_, writer) = link.upstream[0], link.client
        while chunk := await reader.read(_CHUNK_BYTES):
            await self._flowing.wait()
            harm = self._harm
            if harm.delay_seconds:
                self.counts["delayed"] += 1
                await asyncio.sleep(harm.delay_seconds)
            self._replies += 1
            if link.deaf or (harm.lose_every and self._replies % harm.lose_every == 0):
                self.counts["replies lost"] += 1
                link.cut()
                return
            link.brought += len(chunk)
            if harm.cut_after_bytes and link.brought > harm.cut_after_bytes:
                self.counts["cut"] += 1
                await _send(writer, chunk[: harm.cut_after_bytes - link.brought])
                link.cut()
                return
            await _send(writer, chunk)


class _Link:
    """One connection and its counterpart upstream."""

    def __init__(
        self,
        *,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.client = client
        self.upstream = upstream
        self.brought = 0
        self.deaf = False
        """The reply to what was asked last is to be lost."""

    def cut(self) -> None:
        """End it by a reset to both sides."""
        _abort(self.client[1])
        _abort(self.upstream[1])

    def close(self) -> None:
        """End it in order: what has been written still arrives."""
        self.client[1].close()
        self.upstream[1].close()


async def _until_first(*directions: Coroutine[Any, Any, None]) -> None:
    """Run both directions until one ends; a connection that breaks is an end like any other."""
    tasks = [asyncio.create_task(direction) for direction in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
            raise outcome


async def _send(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    try:
        writer.write(chunk)
        await writer.drain()
    except RuntimeError as error:  # uvloop's way to say that the connection was lost
        raise ConnectionResetError from error


def _abort(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.is_closing():
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        writer.transport.abort()
