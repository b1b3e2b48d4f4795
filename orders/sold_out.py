"""What this process remembers of sold-out deals, so that refusing the crowd costs no round trip."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

# How long after the last look somebody looks at the gate again: it lapses due holds there, so that
# coming back on sale needs no event, nor a sweeper.
LOOK_SECONDS: Final = 0.1
# What nobody has confirmed for this long is not known any more: looks fail, or the gate is another.
TRUSTED_SECONDS: Final = 1.0
# About 200 bytes each. Beyond it the deal heard of longest ago is forgotten, and asked for.
MOST_DEALS: Final = 20_000


class _Known:
    """The newest of one deal's counters that was heard of."""

    __slots__ = ("confirmed_at", "is_sold_out", "look_at", "order")

    def __init__(self) -> None:
        self.order = (-1, -1)
        self.is_sold_out = False
        self.confirmed_at = 0.0
        self.look_at = 0.0


class SoldOutBoard:
    """Refuses for deals that had nothing available a moment ago; where nothing is known, nobody.

    It is fed by what scripts answer here and by what other processes announce, in any order: by
    epoch, then version, the newest counts. About every `LOOK_SECONDS` one request may look at the
    gate of such a deal.
    """

    def __init__(self, *, now_seconds: Callable[[], float] = monotonic) -> None:
        self._now_seconds = now_seconds
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def note(self, deal_id: str, epoch: int, version: int, available: int) -> None:
        """Hear of a deal's counters; older ones than known are dropped, equal ones confirm."""
        known = self._known.get(deal_id)
        if known is None:
            known = self._known[deal_id] = _Known()
            if len(self._known) > MOST_DEALS:
                self._known.popitem(last=False)
        order = (epoch, version)
        if order < known.order:
            return
        now = self._now_seconds()
        if available <= 0 and not known.is_sold_out:
            known.look_at = now + LOOK_SECONDS
        known.order = order
        known.is_sold_out = available <= 0
        known.confirmed_at = now

    def is_sold_out(self, deal_id: str, *, epoch: int = 0) -> bool:
        """Whether nothing of this deal was available a moment ago, under this epoch or a later."""
        known = self._known.get(deal_id)
        return (
            known is not None
            and known.is_sold_out
            and known.order[0] >= epoch
            and self._now_seconds() - known.confirmed_at < TRUSTED_SECONDS
        )

    def refuses(self, deal_id: str) -> bool:
        """Whether the deal is sold out and nobody has to look at the gate now; takes no turn."""
        known = self._known.get(deal_id)
        if known is None or not known.is_sold_out:
            return False
        now = self._now_seconds()
        return now < known.look_at and now - known.confirmed_at < TRUSTED_SECONDS

    def takes_turn(self, deal_id: str) -> bool:
        """Whether it is the caller who looks at the gate; for others the next turn is later."""
        known = self._known.get(deal_id)
        if known is None:
            return True
        now = self._now_seconds()
        if now < known.look_at:
            return False
        known.look_at = now + LOOK_SECONDS
        return True

    def forget(self, deal_id: str) -> None:
        """Know nothing of a deal: its gate did not say what it has."""
        self._known.pop(deal_id, None)

    def stock_changed(self, deal_id: str, epoch: int, version: int, available: int) -> None:
        """Hear what another process announced."""
        self.note(deal_id, epoch, version, available)

    def deal_changed(self, deal_id: str) -> None:
        """Forget a deal whose terms changed: it may have ended, or have more units."""
        self.forget(deal_id)

    def product_changed(self, product_id: str) -> None:
        """A product's page is no matter of stock."""

    def forget_all(self) -> None:
        """Forget everything: announcements may have been missed."""
        self._known.clear()
