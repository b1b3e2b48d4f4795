"""Public answers kept as bytes, until what they were read from changes."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, TypeAlias

from graph.context import CATALOGUE

Key: TypeAlias = tuple[str, str | None, bytes]
"""What was asked: the document, the operation's name, the variables in canonical JSON."""

Raw: TypeAlias = tuple[bytes, bytes]
"""How it was asked: the method and the client's name, and the request's bytes as they came."""

# A change of stock is heard of at most 100 ms after it was made (see the announcer). From then on
# an answer is read anew after the first of these, and no longer given after the second: together,
# and with the reading itself, less than 250 ms.
RENEW_SECONDS: Final = 0.06
STALE_SECONDS: Final = 0.11
# So long is an answer given at most, and so much longer than what it was read from it can be wrong.
MOST_SECONDS: Final = 5.0
# The same request in other bytes: a few clients differ in their white space, not thousands.
MOST_RAW: Final = 16
# One answer takes at most this share of the room.
_LARGEST_SHARE: Final = 16
_OVERHEAD_BYTES: Final = 600
# Sold-out deals that are remembered as such; beyond it the next change of one is a change like any.
_MOST_EMPTY: Final = 100_000
_NEVER: Final = float("inf")
# Changes are remembered for readings that take no longer than this; slower ones are not kept.
_REMEMBERED_SECONDS: Final = 10.0


@dataclass(slots=True, eq=False)
class CachedAnswer:
    """One public answer. Times are of the monotonic clock, in seconds."""

    key: Key
    body: bytes = b""
    tags: frozenset[str] = frozenset()
    good_until: float = 0.0
    true_until: float = _NEVER  # time alone makes it another answer then
    renew_at: float = _NEVER
    renewing: bool = False
    raws: list[Raw] = field(default_factory=list)
    # Made of the body by whoever needs them first: what follows the head, and its entity tag.
    wire: bytes = b""
    etag: str = ""

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        asked = len(self.key[0]) + len(self.key[2]) + sum(len(raw[1]) for raw in self.raws)
        return _OVERHEAD_BYTES + 2 * len(self.body) + asked + 100 * len(self.tags)


class ResponseCache:
    """Bytes of public answers, bounded; the ones not asked for longest go first.

    Whoever uses it keeps to two rules: only answers that depend on nobody are put in, and
    everything that an answer was read from is among its tags. While `hears` says that
    announcements do not arrive, nothing is found and nothing is kept.
    """

    def __init__(
        self,
        *,
        most_bytes: int,
        hears: Callable[[], bool],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._most_bytes = most_bytes
        self._hears = hears
        self._now = now
        self._answers: OrderedDict[Key, CachedAnswer] = OrderedDict()
        self._by_raw: dict[Raw, CachedAnswer] = {}
        self._by_tag: dict[str, set[CachedAnswer]] = {}
        # When something last changed, the newest last; what is older than any reading is dropped.
        self._touched: OrderedDict[str, float] = OrderedDict()
        self._turned: OrderedDict[str, float] = OrderedDict()
        self._edited_at = self._forgot_at = -_NEVER
        self._empty: set[str] = set()
        self.bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, key: Key) -> CachedAnswer | None:
        """The answer to this, when it is still true enough to be given."""
        return self._fit(self._answers.get(key))

    def find_raw(self, raw: Raw) -> CachedAnswer | None:
        """The same by a request's bytes, which nobody has to understand again."""
        return self._fit(self._by_raw.get(raw))

    def is_due(self, answer: CachedAnswer) -> bool:
        """Whether it should be read anew, while it may still be given."""
        return answer.renew_at <= self._now()

    def is_fresh(self, began_at: float) -> bool:
        """Whether what was begun to be read then may be given to those who ask now.

        No terms have changed since, and it is not as old as an answer may be.
        """
        return self._edited_at < began_at and self._now() - began_at < STALE_SECONDS

    def put(
        self,
        key: Key,
        body: bytes,
        *,
        began_at: float,
        tags: Iterable[str],
        seconds: float | None,
    ) -> CachedAnswer | None:
        """Keep an answer for at most `seconds`; None when it is outdated already, or too large.

        It was begun to be read at `began_at` on the monotonic clock: what changed since may be
        missing in it.
        """
        tags = frozenset(tags)
        now = self._now()
        true_until = _NEVER if seconds is None else now + seconds
        good_until = min(now + MOST_SECONDS, true_until)
        renew_at = _NEVER
        if any(self._touched.get(tag, -_NEVER) >= began_at for tag in tags):
            # When it was first touched since is not known: at the latest as soon as it was begun.
            renew_at = began_at + RENEW_SECONDS
            good_until = min(good_until, began_at + STALE_SECONDS)
        turned = self._forgot_at >= began_at or now - began_at > _REMEMBERED_SECONDS
        turned = turned or any(self._turned.get(tag, -_NEVER) >= began_at for tag in tags)
        if turned or good_until <= now or not self._hears():
            self._drop_key(key)
            return None
        answer = self._answers.get(key)
        if answer is None:
            answer = CachedAnswer(key)
        else:
            self._unlink(answer)
        answer.body, answer.tags, answer.wire, answer.etag = body, tags, b"", ""
        answer.good_until, answer.true_until = good_until, true_until
        answer.renew_at, answer.renewing = renew_at, False
        if answer.size > self._most_bytes // _LARGEST_SHARE:
            self._forget_raws(answer)
            return None
        self._link(answer)
        self._make_room()
        return answer

    def name(self, raw: Raw, answer: CachedAnswer) -> None:
        """Say that these bytes ask for this answer."""
        known = self._answers.get(answer.key) is answer
        if not known or raw in self._by_raw or len(answer.raws) >= MOST_RAW:
            return
        self.bytes -= answer.size
        answer.raws.append(raw)
        self._by_raw[raw] = answer
        self.bytes += answer.size
        self._make_room()

    def drop(self, answer: CachedAnswer) -> None:
        """Forget one answer. May be repeated."""
        if self._answers.get(answer.key) is answer:
            self._unlink(answer)
            self._forget_raws(answer)
            self.dropped += 1

    def stock_changed(self, deal_id: str, _epoch: int, _version: int, available: int) -> None:
        """Let what shows this deal's stock grow old; at once where it sold out, or came back."""
        turned = (available <= 0) != (deal_id in self._empty)
        if available > 0:
            self._empty.discard(deal_id)
        elif len(self._empty) < _MOST_EMPTY:
            self._empty.add(deal_id)
        tag = f"stock:{deal_id}"
        if turned:
            self._turn(tag)
        else:
            self._touch(tag)

    def deal_changed(self, deal_id: str) -> None:
        """Drop what shows this deal, and all lists: its terms, or its product's, are others."""
        self._edited_at = self._now()
        self._turn(f"deal:{deal_id}")
        self._turn(CATALOGUE)

    def product_changed(self, product_id: str) -> None:
        """Drop what shows this product."""
        self._edited_at = self._now()
        self._turn(f"product:{product_id}")

    def forget_all(self) -> None:
        """Drop everything: announcements may be missing."""
        self._forgot_at = self._edited_at = self._now()
        self.dropped += len(self._answers)
        self._answers.clear()
        self._by_raw.clear()
        self._by_tag.clear()
        self._empty.clear()
        self.bytes = 0

    def _fit(self, answer: CachedAnswer | None) -> CachedAnswer | None:
        if answer is None or not self._hears():
            return None
        if answer.good_until <= self._now():
            self.drop(answer)
            return None
        self._answers.move_to_end(answer.key)
        return answer

    def _touch(self, tag: str) -> None:
        now = self._now()
        _remember(self._touched, tag, now)
        for answer in self._by_tag.get(tag, ()):
            if answer.renew_at == _NEVER:
                answer.renew_at = now + RENEW_SECONDS
                answer.good_until = min(answer.good_until, now + STALE_SECONDS)

    def _turn(self, tag: str) -> None:
        _remember(self._turned, tag, self._now())
        for answer in tuple(self._by_tag.get(tag, ())):
            self.drop(answer)

    def _link(self, answer: CachedAnswer) -> None:
        self._answers[answer.key] = answer
        self._answers.move_to_end(answer.key)
        self.bytes += answer.size
        for tag in answer.tags:
            self._by_tag.setdefault(tag, set()).add(answer)

    def _unlink(self, answer: CachedAnswer) -> None:
        """Take it out, but for the ways in which it was asked for."""
        del self._answers[answer.key]
        self.bytes -= answer.size
        for tag in answer.tags:
            sharing = self._by_tag[tag]
            sharing.discard(answer)
            if not sharing:
                del self._by_tag[tag]

    def _forget_raws(self, answer: CachedAnswer) -> None:
        for raw in answer.raws:
            self._by_raw.pop(raw, None)
        answer.raws.clear()

    def _drop_key(self, key: Key) -> None:
        answer = self._answers.get(key)
        if answer is not None:
            self.drop(answer)

    def _make_room(self) -> None:
        while self.bytes > self._most_bytes:
            self.drop(next(iter(self._answers.values())))


def _remember(moments: OrderedDict[str, float], tag: str, now: float) -> None:
    """Note when it happened last, and forget what no reading can ask about any more."""
    moments[tag] = now
    moments.move_to_end(tag)
    while next(iter(moments.values())) < now - _REMEMBERED_SECONDS:
        moments.popitem(last=False)
