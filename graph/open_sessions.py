"""The sockets and event streams of each session, so that signing out ends them at once."""

from collections.abc import Callable

import structlog

from graph.context import Context

log = structlog.get_logger()


class OpenSessions:
    """Who to tell when a session ends. Holds nothing of a session that has nothing open."""

    def __init__(self) -> None:
        self._enders: dict[bytes, set[Callable[[], None]]] = {}

    def add(self, token_hash: bytes, end: Callable[[], None]) -> None:
        """Call `end` when the session ends; it must not block. Until it is discarded."""
        self._enders.setdefault(token_hash, set()).add(end)

    def discard(self, token_hash: bytes, end: Callable[[], None]) -> None:
        """Do not call it any more. May be repeated."""
        enders = self._enders.get(token_hash)
        if enders is not None:
            enders.discard(end)
            if not enders:
                del self._enders[token_hash]

    def close_session(self, token_hash: bytes) -> None:
        """End what is open of this session in this process. May be repeated."""
        for end in tuple(self._enders.get(token_hash, ())):
            end()


async def session_lives(context: Context) -> bool:
    """Whether the request's session is still good; fails open: an outage signs nobody out."""
    try:
        return await context.viewer_or_none() is not None
    except Exception as error:  # noqa: BLE001 - whatever keeps us from asking, the answer is yes
        log.warning("session_not_checked", error=repr(error))
        return True
