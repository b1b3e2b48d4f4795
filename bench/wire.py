"""The client's side of the WebSocket protocol (RFC 6455), as much as a crowd needs."""

import base64
import hashlib
import os
import struct
from typing import Final

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_SHORT: Final = 125
_TWO_BYTES: Final = 126
_SIXTEEN_BITS: Final = 0xFFFF
_HEAD: Final = 2
# RFC 6455, section 1.3
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Frame = tuple[int, bytes]


class BadFrame(Exception):
    """What came is no unfragmented frame of a server."""


def handshake(host: str, path: str, key: str, protocol: str) -> bytes:
    """The request that opens a socket; compression is not offered."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ).encode()


def new_key() -> str:
    """A nonce for one handshake."""
    return base64.b64encode(os.urandom(16)).decode()


def accepts(answer: bytes, key: str) -> bool:
    """Whether a server's answer opens the socket that was asked for."""
    digest = hashlib.sha1(key.encode() + _MAGIC, usedforsecurity=False).digest()
    lines = answer.split(b"\r\n")
    if not lines[0].startswith(b"HTTP/1.1 101"):
        return False
    headers = dict(line.lower().split(b": ", 1) for line in lines[1:] if b": " in line)
    return headers.get(b"sec-websocket-accept") == base64.b64encode(digest).lower()


def client_frame(opcode: int, payload: bytes) -> bytes:
    """A frame of a client. Its mask is zero: nothing between us and the server is to be fooled."""
    length = len(payload)
    if length <= _SHORT:
        head = struct.pack("!BB", _FINAL | opcode, _MASKED | length)
    else:
        assert length <= _SIXTEEN_BITS, "a subscriber has no more to say"
        head = struct.pack("!BBH", _FINAL | opcode, _MASKED | _TWO_BYTES, length)
    return head + b"\0\0\0\0" + payload


def split_frames(stream: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames at the beginning of what a server sent, and what is left.

    Raises:
        BadFrame: a frame is masked or fragmented.
    """
    frames: list[Frame] = []
    at, end = 0, len(stream)
    while end - at >= _HEAD:
        first, length = stream[at], stream[at + 1]
        if not first & _FINAL or length & _MASKED:
            raise BadFrame(f"a frame that begins with {stream[at : at + 2].hex()}")
        start = at + _HEAD
        if length > _SHORT:
            wide = 2 if length == _TWO_BYTES else 8
            if end - start < wide:
                break
            length = int.from_bytes(stream[start : start + wide], "big")
            start += wide
        if end - start < length:
            break
        at = start + length
        frames.append((first & 0x0F, stream[start:at]))
    return frames, stream[at:]
