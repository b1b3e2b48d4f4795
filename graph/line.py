"""The seam between a conversation and its connection: whole frames out, callbacks in."""

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

LINE: Final = "flashsale.line"
"""The entry of `scope["extensions"]` with which a server offers a direct line."""

# RFC 6455, section 5.2: the final frame of a text message, never masked by a server.
_TEXT: Final = 0x81
_SHORT: Final = 126
_LONG: Final = 1 << 16
# A ping of the WebSocket itself, without a payload; libraries and browsers answer it themselves.
PING: Final = b"\x89\x00"


class Line(Protocol):
    """A connection that is open. Nothing here waits, and nothing raises once it is gone."""

    writable: bool
    """Whether the client takes what it is sent; what is sent all the same is kept in memory."""

    def send(self, frame: bytes) -> None:
        """Write whole frames."""

    def pause_reading(self) -> None:
        """Hear little more for now; the client is held back by its own full buffers."""

    def resume_reading(self) -> None:
        """Hear again."""

    def close(self, code: int, reason: str) -> None:
        """Say why, wait a little for the client to read it, and cut. May be repeated."""

    def abort(self) -> None:
        """Cut at once."""


class Talker(Protocol):
    """Who is told what happens on a line, until it is gone."""

    def heard(self, raw: bytes | None) -> None:
        """A text message in its bytes; None for a binary one."""

    def alive(self) -> None:
        """A ping or pong of the WebSocket itself: somebody is there."""

    def stalled(self) -> None:
        """The client does not take what it is sent."""

    def drained(self) -> None:
        """It took enough of it: the line is writable again."""

    def close(self, code: int, reason: str) -> None:
        """The line finds that it must end, for what the client sent: count it, and close it."""

    def gone(self) -> None:
        """The connection is over; nothing is told after this."""


HandOver: TypeAlias = Callable[[Callable[[Line], Talker]], None]
"""Ends the server's part after the handshake: from here on the line talks to its talker only."""


def text_frame(*parts: bytes) -> bytes:
    """One text message of these parts, as a frame."""
    length = sum(map(len, parts))
    if length < _SHORT:
        header = bytes((_TEXT, length))
    elif length < _LONG:
        header = bytes((_TEXT, _SHORT)) + length.to_bytes(2, "big")
    else:
        header = bytes((_TEXT, _SHORT + 1)) + length.to_bytes(8, "big")
    return b"".join((header, *parts))
