"""A WebSocket client of bytes: it can send what no library would."""

import asyncio
import contextlib
import socket
import struct

MASK = b"\1\2\3\4"


def frame(payload: bytes, *, first: int = 0x81) -> bytes:
    """A frame as clients send it."""
    length = len(payload)
    if length < 126:
        header = bytes((first, 0x80 | length))
    else:
        header = bytes((first, 0x80 | 126)) + struct.pack("!H", length)
    return header + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


class Raw:
    """A client that sends bytes."""

    def __init__(self, port: int, *, buffer_bytes: int | None = None) -> None:
        self.link = socket.socket()
        if buffer_bytes is not None:
            self.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.link.setblocking(False)
        self.port = port
        self.heard = b""

    async def open(self) -> None:
        await self.shake_hands()
        await self.send(frame(b'{"type":"connection_init"}'))
        await self.hears(b"connection_ack")

    async def shake_hands(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.link, ("127.0.0.1", self.port))
        await self.send(
            b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        await self.hears(b"101")

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.link, data)

    async def hears(self, wanted: bytes) -> None:
        async with asyncio.timeout(10):
            while wanted not in self.heard:
                received = await asyncio.get_running_loop().sock_recv(self.link, 65_536)
                assert received, f"closed after {self.heard[-200:]!r}"
                self.heard += received

    async def is_closed(self) -> None:
        async with asyncio.timeout(10):
            while received := await asyncio.get_running_loop().sock_recv(self.link, 65_536):
                self.heard += received

    async def is_cut(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            await self.is_closed()
