"""TCP ports: finding free ones and refusing those that are taken."""

import errno
import socket

from runtime.problems import CannotStart

LOOPBACK = "127.0.0.1"
# What the kernel keeps of an answer that its client does not read; else up to 4 MiB for each of
# thousands. Linux takes it twice. Enough for two megabytes a second to a client 100 ms away.
UNREAD_BYTES = 131_072
# What the kernel takes ahead of what it can send: the newest stock must not stand behind a long row
# of older ones when a client is slow.
UNSENT_BYTES = 16_384
# A client that takes nothing for so long has its connection cut by the kernel, which else probes it
# for ever. Longer than the edge waits itself, which can tell some clients why.
UNREAD_MS = 45_000


def free_port(preferred: int | None = None) -> int:
    """A port on loopback that nothing listens on now; `preferred` if that is one."""
    if preferred is not None and _is_free(LOOPBACK, preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def reserve_port(host: str, port: int, *, setting: str, option: str) -> socket.socket:
    """A bound socket: nobody else gets the port, and whoever inherits it may listen.

    Raises:
        CannotStart: the port is taken or not ours to take, or there is no such address here.
    """
    server = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Connections of an earlier run that linger in TIME_WAIT are no reason to refuse.
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Whatever is accepted inherits it.
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    try:
        server.bind((host, port))
    except OSError as error:
        server.close()
        raise CannotStart(_refusal(host, port, error, setting, option)) from None
    return server


def _refusal(host: str, port: int, error: OSError, setting: str, option: str) -> str:
    other = f"choose another with {option} or {setting}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is already in use: {other}."
        case errno.EACCES:
            return f"Port {port} on {host} needs more rights than this user has: {other}."
        case _:
            return f"Cannot listen on {host} port {port}: {error.strerror or error}."


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
