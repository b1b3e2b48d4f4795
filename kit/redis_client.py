"""One client for the inventory Redis, bounded in connections and in patience."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, cast

import hiredis
from redis.asyncio import BlockingConnectionPool, Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from kit.redis_line import LineConnection, RedisLine

# A hold takes a fraction of a millisecond; whoever waits longer than this is told to try later.
ANSWER_SECONDS = 2.0
CONNECT_SECONDS = 1.0
# One repeat outlives a dropped connection. Every script carries an operation id, so a repeat
# whose first run did happen gets the first answer. A server that does not answer in time is not
# asked again: it hangs, and the next caller has waited long enough.
REPEATS = 1
_BACKOFF: Final = ExponentialWithJitterBackoff(cap=0.2, base=0.02)

# What would keep everybody behind it waiting, or needs a connection of its own.
_NOT_SHARED: Final = frozenset(
    "AUTH BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT DISCARD EXEC HELLO"  # noqa: SIM905 - a list takes thirty lines
    " MONITOR MULTI PSUBSCRIBE PSYNC QUIT RESET SELECT SSUBSCRIBE SUBSCRIBE SYNC WAIT WAITAOF"
    " WATCH XREAD XREADGROUP".split()
)


class _Plain(Connection, LineConnection):
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


class LineRedis(Redis):
    """redis-py's client, whose single commands and plain pipelines all take one line.

    Commands that block and transactions take connections of the pool. A lost connection is
    repeated once on either way, so that a command may have run twice.
    """

    def __init__(self, *, connection_pool: ConnectionPool) -> None:
        super().__init__(connection_pool=connection_pool)
        self.auto_close_connection_pool = True
        self._packer = self.make_connection()
        self._line = RedisLine(self.make_connection, patience_seconds=ANSWER_SECONDS)

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
        """What one command answers, as redis-py has it."""
        name = args[0]
        # The keys are for redis-py's own cache; any other option is read with the answer.
        if options.keys() - {"keys"} or name.partition(" ")[0] in _NOT_SHARED:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call] # redis-py leaves it bare
        (answer,) = await self.ask_line((args,))
        if isinstance(answer, Exception):
            raise answer
        callback = self.response_callbacks.get(name)
        return answer if callback is None else callback(answer)

    async def ask_line(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """The raw answers of commands that go out together; one that failed is its error.

        Raises:
            redis.RedisError: any of them may have run.
        """
        packed = [self._pack(command) for command in commands]
        for failures in range(1, REPEATS + 1):
            try:
                return await self._line.ask(packed, len(commands))
            except RedisConnectionError:
                await asyncio.sleep(_BACKOFF.compute(failures))
        return await self._line.ask(packed, len(commands))

    def _pack(self, command: Sequence[Any]) -> bytes:
        """A command as bytes: a third of redis-py's own time for it, which is left what is odd."""
        if " " not in command[0]:
            with suppress(TypeError, hiredis.HiredisError):
                packed: bytes = hiredis.pack_command(tuple(command))
                return packed
        return b"".join(self._packer.pack_command(*command))

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: FBT001, FBT002 - redis-py's
        """Commands that go out together; those of no transaction on the line."""
        if transaction:
            return super().pipeline(transaction, shard_hint)
        return _LinePipeline(self)

    def make_connection(self) -> LineConnection:
        """A connection that does not repeat by itself: whoever asks does."""
        connection = cast("LineConnection", self.connection_pool.make_connection())  # type: ignore[no-untyped-call] # as above
        connection.retry = Retry(NoBackoff(), 0)
        return connection

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - redis-py's
        """Hang up; the next command connects again."""
        self._line.close()
        await super().aclose(close_connection_pool)


class _LinePipeline(Pipeline):
    """A pipeline without a transaction."""

    def __init__(self, client: LineRedis) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, False, None)
        self._client = client

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's
        """What the commands answer, in order."""
        stack, self.command_stack = self.command_stack, []
        if not stack:
            return []
        answers = await self._client.ask_line([args for args, _ in stack])
        for at, (args, options) in enumerate(stack):
            answer, callback = answers[at], self.response_callbacks.get(args[0])
            if isinstance(answer, Exception):
                if raise_on_error:
                    raise answer
            elif callback is not None:
                answers[at] = callback(answer, **options)
        return answers


def open_redis(url: str, *, connections: int) -> LineRedis:
    """A client over one line and at most `connections` connections; nothing is connected yet.

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
        retry=Retry(_BACKOFF, REPEATS, supported_errors=(RedisConnectionError,)),
    )
    tell_lost_connections(pool)
    return LineRedis(connection_pool=pool)
