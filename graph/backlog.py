"""What waits for a client that does not read at present."""

import asyncio

from graph.follower import Follower


class Backlog:
    """The followers that keep something for later, and the answers that wait to be sent."""

    __slots__ = ("_drained", "_lagging")

    def __init__(self) -> None:
        self._lagging: dict[Follower, None] = {}
        self._drained: asyncio.Future[None] | None = None

    def add(self, follower: Follower) -> None:
        """This one keeps something, for as long as somebody wants it."""
        self._lagging[follower] = None

    def catch_up(self) -> bool:
        """Send what was kept, as long as the client takes it; True when nothing is left."""
        while self._lagging:
            follower = next(iter(self._lagging))
            if not follower.catch_up():
                return False
            del self._lagging[follower]
        return True

    async def drained(self) -> None:
        """Wait until `wake`."""
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._drained)

    def wake(self) -> None:
        """Let those go on who wait."""
        if self._drained is not None:
            self._drained.set_result(None)
            self._drained = None
