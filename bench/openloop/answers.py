"""What came of a request, and how an answer's bytes are told apart without parsing them."""

from enum import IntEnum
from typing import Final

HEAD_END: Final = b"\r\n\r\n"
_LENGTHS: Final = (b"\r\ncontent-length: ", b"\r\nContent-Length: ")


class Outcome(IntEnum):
    """What came of one request."""

    ACCEPTED = 0  # what was asked for
    REFUSED = 1  # a rule of the sale: sold out, a purchase limit
    SHED = 2  # too much at once: OVERLOADED, TryLater
    FAILED = 3  # anything else that was answered
    LOST = 4  # the connection ended over it
    UNSENT = 5  # more was waiting than may wait
    UNANSWERED = 6  # nothing until the end of the run


def body_length(data: bytearray, head_end: int) -> int:
    """What a head says of the length of its body; -1 where it says nothing."""
    for name in _LENGTHS:
        at = data.find(name, 0, head_end)
        if at >= 0:
            begin = at + len(name)
            end = data.find(b"\r", begin, head_end)
            return int(data[begin : end if end >= 0 else head_end])
    return -1


def word_at(data: bytearray, at: int, end: int) -> bytes:
    """The bytes from there to the next quotation mark, 64 at most."""
    stop = data.find(b'"', at, min(end, at + 64))
    return bytes(data[at : stop if stop >= 0 else min(end, at + 64)])
