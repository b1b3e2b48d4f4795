"""One client for the inventory Redis, bounded in connections and in patience."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

# A hold takes a fraction of a millisecond; whoever waits longer than this is told to try later.
ANSWER_SECONDS = 2.0
CONNECT_SECONDS = 1.0
# One repeat outlives a dropped connection. Every script carries an operation id, so a repeat
# whose first run did happen gets the first answer.
REPEATS = 1


def open_redis(url: str, *, connections: int) -> Redis:
    """A client over at most `connections` connections; nothing is connected yet.

    A caller that finds them all busy waits up to `ANSWER_SECONDS`, then gets a ConnectionError.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        decode_responses=True,
        health_check_interval=0,
        retry=Retry(ExponentialWithJitterBackoff(cap=0.2, base=0.02), REPEATS),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
    return Redis.from_pool(pool)
