"""What a server keeps for clients that do not read is bounded."""

import socket

from runtime.ports import (
    LOOPBACK,
    UNREAD_BYTES,
    UNREAD_MS,
    UNSENT_BYTES,
    free_port,
    reserve_port,
)


def test_an_accepted_connection_keeps_little_that_is_unread_and_not_for_ever() -> None:
    with reserve_port(LOOPBACK, free_port(), setting="S", option="--o") as server:
        server.listen()
        with socket.create_connection(server.getsockname()) as client, server.accept()[0] as link:
            assert link.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * UNREAD_BYTES
            ahead = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
            assert ahead == UNSENT_BYTES
            cut_after = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert cut_after == UNREAD_MS
            assert client.getpeername() == link.getsockname()
