"""One client for the inventory Redis, bounded in connections and in patience."""

from collections.abc import Iterable

from redis.asyncio import BlockingConnectionPool, Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

# A hold takes a fraction of a millisecond; whoever waits longer than this is told to try later.
ANSWER_SECONDS = 2.0
CONNECT_SECONDS = 1.0
# One repeat outlives a dropped connection. Every script carries an operation id, so a repeat
# whose first run did happen gets the first answer. A server that does not answer in time is not
# asked again: it hangs, and the next caller has waited long enough.
REPEATS = 1


class _Plain(Connection):
    """Tells of a connection that was lost just before a write as of any other lost one.

    redis-py expects an OSError, but uvloop raises RuntimeError ("the handler is closed") when it
    has closed the transport already; seen when Redis is killed under load.
    """

    async def send_packed_command(
        self,
        command: bytes | str | Iterable[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002 - redis-py's
    ) -> None:
        try:
            await super().send_packed_command(command, check_health=check_health)
        except RuntimeError as error:
            raise RedisConnectionError(f"lost before a write: {error}") from error


class _Encrypted(_Plain, SSLConnection):
    """The same over TLS."""


def tell_lost_connections(pool: ConnectionPool) -> None:
    """Have the connections that a pool will make raise redis.ConnectionError when they are lost."""
    kinds: dict[type[AbstractConnection], type[AbstractConnection]] = {
        Connection: _Plain,
        SSLConnection: _Encrypted,
    }
    pool.connection_class = kinds.get(pool.connection_class, pool.connection_class)


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
        retry=Retry(
            ExponentialWithJitterBackoff(cap=0.2, base=0.02),
            REPEATS,
            supported_errors=(RedisConnectionError,),
        ),
    )
    tell_lost_connections(pool)
    return Redis.from_pool(pool)
