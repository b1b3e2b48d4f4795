"""How many sockets and event streams one buyer and one address may have open in this process."""

from collections import Counter

from auth.sessions import Viewer
from kit.settings import Settings


class Crowding:
    """Counts what is open, so that nobody takes the room of everybody.

    Buyers are limited strictly, addresses loosely: an office shares one. Each process counts for
    itself, and what is counted is given back by `leave_...`, once for each time it was let in.
    """

    def __init__(self, settings: Settings) -> None:
        self._most_of_buyer = settings.sockets_per_buyer
        self._most_of_address = settings.sockets_per_address
        self._buyers: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()

    def let_stream_in(self, address: str, viewer: Viewer | None) -> bool:
        """Count one more event stream of an address and of a buyer, or of nobody we know."""
        if not self.let_address_in(address):
            return False
        if viewer is None or self.let_buyer_in(viewer.user_id):
            return True
        self.leave_address(address)
        return False

    def leave_stream(self, address: str, viewer: Viewer | None) -> None:
        """An event stream that was let in is closed."""
        self.leave_address(address)
        if viewer is not None:
            self.leave_buyer(viewer.user_id)

    def let_address_in(self, address: str) -> bool:
        """Count one more socket of an address, unless it has as many as it may."""
        return _take(self._addresses, address, self._most_of_address)

    def leave_address(self, address: str) -> None:
        """A socket of this address is closed."""
        _give_back(self._addresses, address)

    def let_buyer_in(self, user_id: str) -> bool:
        """Count one more socket of a buyer, unless they have as many as they may."""
        return _take(self._buyers, user_id, self._most_of_buyer)

    def leave_buyer(self, user_id: str) -> None:
        """A socket of this buyer is closed."""
        _give_back(self._buyers, user_id)


def _take(counts: Counter[str], key: str, most: int) -> bool:
    if counts[key] >= most:
        return False
    counts[key] += 1
    return True


def _give_back(counts: Counter[str], key: str) -> None:
    assert counts[key] > 0, "given back more often than it was taken"
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
