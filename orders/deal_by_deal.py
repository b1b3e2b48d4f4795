"""A pass over many deals in which one that is in trouble does not keep the others waiting."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from redis.exceptions import ResponseError

from orders.errors import OUT_OF_REACH, GateOutOfReach, TryLater

log = structlog.get_logger()

# A store that does not answer for so many deals on end is away for all of them. Each of them takes
# a client's whole patience, and a worker that is told to stop waits for the pass.
MOST_UNANSWERED: Final = 3


async def deal_by_deal(
    sweep: str, deal_ids: Sequence[str], once: Callable[[str], Awaitable[int]]
) -> int:
    """What `once` answers for each deal, added up; a deal in trouble is left to the next pass.

    Raises:
        redis.RedisError, asyncpg.PostgresError, OSError, TryLater: a store is away.
    """
    done = unanswered = 0
    for deal_id in deal_ids:
        try:
            done += await once(deal_id)
        except (*OUT_OF_REACH, TryLater) as error:
            log.warning("deal_left", sweep=sweep, deal_id=deal_id, error=repr(error))
            unanswered = 0 if _answered(error) else unanswered + 1
            if unanswered == min(MOST_UNANSWERED, len(deal_ids)):
                raise
        else:
            unanswered = 0
    return done


def _answered(error: Exception) -> bool:
    """Whether the stores are there, and it is this deal that is in trouble."""
    if isinstance(error, GateOutOfReach):
        return isinstance(error.__cause__, ResponseError)
    return isinstance(error, (ResponseError, TryLater))
