"""Latencies in buckets whose width grows with the value: few numbers, each within 1.6 %."""

from collections.abc import Sequence
from typing import Final

# A bucket is at most 1/64 of its value wide.
_BITS: Final = 6
_HALF: Final = 1 << _BITS
# A little over an hour in microseconds; what takes longer counts as that.
_MOST: Final = (1 << 32) - 1


def bucket_of(us: int) -> int:
    """The bucket of a latency in microseconds; below 0 counts as 0."""
    if us < _HALF:
        return max(us, 0)
    us = min(us, _MOST)
    shift = us.bit_length() - _BITS - 1
    return (us >> shift) + (shift << _BITS)


def top_of(bucket: int) -> int:
    """The largest latency that falls into a bucket, in microseconds."""
    if bucket < 2 * _HALF:
        return bucket
    shift = (bucket >> _BITS) - 1
    return ((bucket - (shift << _BITS) + 1) << shift) - 1


BUCKETS: Final = bucket_of(_MOST) + 1


class Latencies:
    """How long things took. `counts` is written to directly by whoever has no time for a call."""

    __slots__ = ("counts",)

    def __init__(self, counts: Sequence[int] = ()) -> None:
        self.counts = [*counts, *(0 for _ in range(BUCKETS - len(counts)))]

    def note(self, us: int) -> None:
        """One more, of so many microseconds."""
        self.counts[bucket_of(us)] += 1

    def add(self, other: "Latencies") -> None:
        """All of another's, too."""
        self.counts = [one + two for one, two in zip(self.counts, other.counts, strict=True)]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts)

    def at(self, share: float) -> float | None:
        """Milliseconds that `share` of them do not exceed; None of none. 1: the longest."""
        total = self.count
        if not total:
            return None
        left = share * total
        for bucket, count in enumerate(self.counts):
            left -= count
            if count and left <= 0:
                return top_of(bucket) / 1000
        raise AssertionError("a share is at most 1")

    def beyond(self, ms: float) -> int:
        """How many took longer than that, to the width of a bucket."""
        return sum(self.counts[bucket_of(round(ms * 1000)) + 1 :])

    def told(self) -> list[int]:
        """The counts without the empty end, to be sent to another process."""
        last = max((bucket for bucket, count in enumerate(self.counts) if count), default=-1)
        return self.counts[: last + 1]
