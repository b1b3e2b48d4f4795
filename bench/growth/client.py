"""Asks many things over a few connections, as fast as they are answered."""

import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from bench.openloop.answers import HEAD_END, body_length

_CONNECTIONS: Final = 8
_BYTES: Final = 65_536
_SECONDS: Final = 30.0


class Unexpected(Exception):
    """An answer was not what it had to be; the message is its beginning."""


class Client:
    """Eight requests at a time, each on a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __enter__(self) -> Self:
        self._sockets = [
            socket.create_connection(("127.0.0.1", self._port), timeout=_SECONDS)
            for _ in range(_CONNECTIONS)
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for connection in self._sockets:
            connection.close()

    def ask(self, requests: Sequence[bytes], expected: bytes) -> list[bytes]:
        """The bodies of all answers.

        Raises:
            Unexpected: a body does not contain what was expected.
        """
        bodies: list[bytes] = []
        for begin in range(0, len(requests), _CONNECTIONS):
            group = requests[begin : begin + _CONNECTIONS]
            for connection, request in zip(self._sockets, group, strict=False):
                connection.sendall(request)
            bodies += [
                _answer(connection, expected)
                for connection, _ in zip(self._sockets, group, strict=False)
            ]
        return bodies


def _answer(connection: socket.socket, expected: bytes) -> bytes:
    data = bytearray()
    head_end, length = -1, 0
    while head_end < 0 or len(data) < head_end + len(HEAD_END) + length:
        part = connection.recv(_BYTES)
        if not part:
            raise Unexpected("the connection ended")
        data += part
        if head_end < 0:
            head_end = data.find(HEAD_END)
            length = body_length(data, head_end) if head_end >= 0 else 0
    body = bytes(data[head_end + len(HEAD_END) :])
    if expected not in body:
        raise Unexpected(body[:300].decode())
    return body
