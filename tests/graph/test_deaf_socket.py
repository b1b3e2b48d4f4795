"""A client that never reads is cut off, with all that it has not read."""

import asyncio
import base64
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from runtime import line
from runtime.socket_protocol import BoundedSocket

# More than the buffers of a loopback connection take.
UNREAD_BYTES = 16 << 20
PATIENCE_SECONDS = 20.0


async def talkative(scope: Scope, receive: Receive, send: Send) -> None:
    """Say much, and leave."""
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    for _ in range(16):
        await send({"type": "websocket.send", "bytes": bytes(UNREAD_BYTES // 16)})


async def patient(scope: Scope, receive: Receive, send: Send) -> None:
    """Say much to whom nobody listens; the server's writing is never paused for ever."""
    try:
        async with asyncio.timeout(0.2):
            await talkative(scope, receive, send)
    except TimeoutError:
        return


@asynccontextmanager
async def served() -> AsyncIterator[tuple[uvicorn.Server, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(patient, ws=BoundedSocket, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield server, listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listener.close()


async def test_a_socket_that_never_reads_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "FLUSH_SECONDS", 0.2)
    async with served() as (server, port):
        with socket.create_connection(("127.0.0.1", port)) as deaf:
            key = base64.b64encode(secrets.token_bytes(16)).decode()
            deaf.sendall(
                f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not server.server_state.connections:
                    await asyncio.sleep(0.01)
                while server.server_state.connections:
                    await asyncio.sleep(0.01)
